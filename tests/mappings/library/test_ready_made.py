"""The mappings that come with the project bill exactly what their examples say."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mappings.engine.loading.load import MappingSet, load, read_directory
from mappings.engine.pricing.catalogue import Catalogue
from mappings.engine.reading.yamlfile import parse
from mappings.engine.reasons import Reason
from mappings.engine.tooling.examples import RECEIVED_AT, run_examples
from mappings.engine.types import DeliveryInput, Kind, Mapped
from receiver.signatures import RULES

ROOT = Path(__file__).parents[3]
FILES = read_directory(ROOT / "mappings")
SOURCES = ("approvals", "github", "hubspot", "zendesk")
SECRETS = {
    "approvals": ("standard-webhooks", "APPROVALS_SECRET"),
    "github": ("github", "GITHUB_SECRET"),
    "hubspot": ("hubspot-v3", "HUBSPOT_SECRET"),
    "zendesk": ("zendesk", "ZENDESK_SECRET"),
}


@pytest.fixture(scope="module")
def ready_made() -> MappingSet:
    return load(FILES, timezone="UTC", schemes=RULES)


def mapped(mappings: MappingSet, source: str, body: bytes) -> Mapped:
    return mappings.map(
        DeliveryInput(
            source=source, body=body, headers={}, received_at=RECEIVED_AT, oldest_days=None
        )
    )


def example(name: str) -> Any:
    return json.loads(FILES[f"examples/{name}.json"])


def test_all_load_without_a_problem(ready_made: MappingSet) -> None:
    assert ready_made.problems == ()
    assert set(ready_made.sources) == set(SOURCES)
    assert isinstance(ready_made.catalogue, Catalogue)


def test_all_examples_bill_what_they_say(ready_made: MappingSet) -> None:
    assert run_examples(ready_made, FILES) == ()


@pytest.mark.parametrize("source", SOURCES)
def test_each_is_live_under_its_scheme_and_secret(ready_made: MappingSet, source: str) -> None:
    found = ready_made.sources[source]
    assert found.mode == "live"
    assert (found.verify["scheme"], *found.secrets) == SECRETS[source]


@pytest.mark.parametrize("source", SOURCES)
def test_each_tells_the_editor_its_schema(source: str) -> None:
    first = FILES[f"{source}.yaml"].split(b"\n")[0]
    assert first == b"# yaml-language-server: $schema=./mapping.schema.json"


@pytest.mark.parametrize("source", SOURCES)
def test_each_has_examples_that_bill_that_do_not_and_that_reverse(source: str) -> None:
    examples = parse(FILES[f"{source}.yaml"], file=source).data["examples"]
    outcomes = [one["outcomes"] for one in examples if "outcomes" in one]
    assert any("amount" in outcome for one in outcomes for outcome in one)
    assert any(outcome.get("kind") == "reversal" for one in outcomes for outcome in one)
    assert [] in outcomes


def test_every_example_file_is_used_by_a_mapping() -> None:
    used = {
        one["payload"]
        for source in SOURCES
        for one in parse(FILES[f"{source}.yaml"], file=source).data["examples"]
    }
    assert used == {name for name in FILES if name.startswith("examples/")}


@pytest.mark.parametrize(
    ("charge", "reversal"),
    [
        ("zendesk-solved", "zendesk-reopened"),
        ("hubspot-won", "hubspot-reopened"),
        ("github-approved", "github-dismissed"),
        ("approvals-granted", "approvals-withdrawn"),
    ],
)
def test_a_reversal_takes_back_the_charge_of_the_same_key(
    ready_made: MappingSet, charge: str, reversal: str
) -> None:
    source = charge.partition("-")[0]
    [charged] = mapped(ready_made, source, FILES[f"examples/{charge}.json"]).outcomes
    [reversed_] = mapped(ready_made, source, FILES[f"examples/{reversal}.json"]).outcomes
    assert (charged.kind, reversed_.kind) == (Kind.CHARGE, Kind.REVERSAL)
    assert charged.key == reversed_.key
    assert charged.occurred_at is not None
    assert reversed_.occurred_at is not None
    assert charged.occurred_at <= reversed_.occurred_at


def test_a_batch_of_100_events_bills_the_3_that_are_won(ready_made: MappingSet) -> None:
    body = (ROOT / "tests/payloads/hubspot-batch-of-100.json").read_bytes()
    result = mapped(ready_made, "hubspot", body)
    assert (result.events, result.failures) == (100, ())
    assert [
        (outcome.event_index, outcome.customer_id, outcome.amount_micros)
        for outcome in result.outcomes
    ] == [
        (7, "acme-corp", 450_000_000),
        (50, "acme-corp", 450_000_000),
        (99, "globex", 350_000_000),
    ]


def test_one_unknown_deal_in_a_batch_holds_back_the_others(ready_made: MappingSet) -> None:
    batch = json.loads((ROOT / "tests/payloads/hubspot-batch-of-100.json").read_bytes())
    batch[50]["objectId"] = 4711
    result = mapped(ready_made, "hubspot", json.dumps(batch).encode())
    [failure] = result.failures
    assert (failure.reason, failure.event_index) == (Reason.UNMAPPED, 50)
    assert '"62515/4711"' in failure.detail
    assert "tables/deals.csv" in failure.detail
    assert len(result.outcomes) == 2


def test_a_deal_of_the_same_number_in_another_account_is_no_ones(ready_made: MappingSet) -> None:
    [won, *_] = example("hubspot-won")
    won["portalId"] = 99999
    result = mapped(ready_made, "hubspot", json.dumps([won]).encode())
    assert [failure.reason for failure in result.failures] == [Reason.UNMAPPED]


def test_a_hubspot_retry_of_an_event_has_the_same_key(ready_made: MappingSet) -> None:
    [won, *_] = example("hubspot-won")
    again = {**won, "attemptNumber": 3, "eventId": 1}
    result = mapped(ready_made, "hubspot", json.dumps([won, again]).encode())
    assert len({outcome.key for outcome in result.outcomes}) == 1


def test_a_second_approval_of_a_pull_request_has_the_same_key(ready_made: MappingSet) -> None:
    first = example("github-approved")
    second = {**first, "review": {**first["review"], "id": 1, "user": {"type": "User"}}}
    keys = {
        outcome.key
        for one in (first, second)
        for outcome in mapped(ready_made, "github", json.dumps(one).encode()).outcomes
    }
    assert len(keys) == 1


def test_a_person_reviewing_a_persons_pull_request_bills_nothing(ready_made: MappingSet) -> None:
    review = example("github-approved")
    review["pull_request"]["user"]["login"] = "octo-dev"
    result = mapped(ready_made, "github", json.dumps(review).encode())
    assert (result.outcomes, result.failures) == ((), ())


def test_a_vanished_catalogue_goes_on_as_it_last_was_good() -> None:
    without = {name: body for name, body in FILES.items() if name != "agents.yaml"}
    found = load(without, timezone="UTC", schemes=RULES, last_good=FILES)
    assert [str(problem) for problem in found.problems] == [
        "agents.yaml: There is no agents.yaml. Add it: it has the prices."
    ]
    assert found.stale == {"agents.yaml"}
    assert set(found.sources) == set(SOURCES)
    assert mapped(found, "zendesk", FILES["examples/zendesk-solved.json"]).failures == ()


def test_no_example_is_of_the_future_or_of_another_year(ready_made: MappingSet) -> None:
    """Their times are real: a demo that posts them soon after passes the limits of age."""
    moments = [
        outcome.occurred_at
        for name, body in FILES.items()
        if name.startswith("examples/")
        for outcome in mapped(
            ready_made, name.removeprefix("examples/").partition("-")[0], body
        ).outcomes
    ]
    for moment in moments:
        assert moment is not None
        assert datetime(2026, 6, 1, tzinfo=UTC) < moment < datetime(2026, 10, 1, tzinfo=UTC)
