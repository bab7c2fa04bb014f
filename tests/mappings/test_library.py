"""The ready-made mappings load under the real schemes, and bill exactly what their examples say."""

import json
from pathlib import Path
from typing import Any

import pytest

from mappings.examples import RECEIVED_AT, run_examples
from mappings.load import is_mapping, load, read_directory
from mappings.reading.yamlfile import parse
from mappings.types import DeliveryInput, Kind, Mapped
from receiver.signatures import RULES

FOLDER = Path(__file__).parents[2] / "mappings" / "library"
FILES = read_directory(FOLDER)
NAMES = sorted(file.removesuffix(".yaml") for file in FILES if is_mapping(file))
MAPPINGS = load(FILES, timezone="UTC", schemes=RULES)
#: What cannot be taken back, because the vendor has no event that says so.
WITHOUT_REVERSAL = {"docusign", "docusign-xml", "dropbox-sign", "zoom"}
TYPES = {
    "slack-approvals": "application/x-www-form-urlencoded",
    "salesforce-outbound": "text/xml; charset=UTF-8",
}


def document(name: str) -> Any:
    return parse(FILES[f"{name}.yaml"], file=f"{name}.yaml").data


def mapped(source: str, body: bytes | Any, *, name: str | None = None) -> Mapped:
    return MAPPINGS.map(
        DeliveryInput(
            source=source,
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers={"content-type": TYPES.get(name or source, "application/json")},
            received_at=RECEIVED_AT,
            oldest_days=None,
        )
    )


def example(name: str) -> Any:
    return json.loads(FILES[f"examples/{name}.json"])


def keys(found: Mapped) -> list[str]:
    assert found.failures == ()
    return [outcome.key for outcome in found.outcomes]


def test_all_load_without_a_problem() -> None:
    assert [str(problem) for problem in MAPPINGS.problems] == []
    assert {source.file for source in MAPPINGS.sources.values()} == {f"{n}.yaml" for n in NAMES}


def test_all_examples_bill_what_they_say() -> None:
    assert [str(problem) for problem in run_examples(MAPPINGS, FILES)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_has_examples_that_bill_that_do_not_and_that_reverse(name: str) -> None:
    outcomes = [one["outcomes"] for one in document(name)["examples"] if "outcomes" in one]
    assert any("amount" in outcome for one in outcomes for outcome in one)
    assert [] in outcomes
    reverses = any(outcome.get("kind") == "reversal" for one in outcomes for outcome in one)
    assert reverses == (name not in WITHOUT_REVERSAL)
    assert reverses == any("reverses" in rule for rule in document(name)["outcomes"])


@pytest.mark.parametrize("name", NAMES)
def test_each_starts_in_shadow_and_teaches_where_it_is_set_up(name: str) -> None:
    lines = FILES[f"{name}.yaml"].decode().splitlines()
    head = [line for line in lines[: lines.index("verify:")] if line.startswith("#")]
    assert document(name)["mode"] == "shadow"
    assert lines[0] == "# yaml-language-server: $schema=./mapping.schema.json"
    assert any(line.startswith("# https://") for line in head)
    assert len(head) >= 4


@pytest.mark.parametrize("name", NAMES)
def test_each_can_be_copied_alone_with_what_begins_with_its_name(name: str) -> None:
    """Whoever copies NAME.yaml, tables/NAME* and examples/NAME* has all but the prices."""
    own = {
        file: body
        for file, body in FILES.items()
        if file in {f"{name}.yaml", "agents.yaml"}
        or file.startswith((f"tables/{name}-", f"examples/{name}-"))
    }
    found = load(own, timezone="UTC", schemes=RULES)
    assert [str(problem) for problem in found.problems] == []
    assert run_examples(found, own) == ()


def test_every_file_is_used() -> None:
    texts = b"\n".join(body for file, body in FILES.items() if is_mapping(file)).decode()
    for file in FILES:
        if file.startswith("examples/"):
            assert f"payload: {file}\n" in texts or f"payload: {file} " in texts, file
        if file.startswith("tables/"):
            assert f'lookup("{Path(file).stem}", ' in texts, file


def test_the_readme_names_every_mapping() -> None:
    readme = FILES["README.md"].decode()
    assert [name for name in NAMES if f"`{name}`" not in readme] == []


#: What a vendor changes when it sends the same thing again.
RETRIES: dict[str, tuple[str, Any, Any]] = {
    "hubspot-private": (
        "hubspot-private-won",
        lambda body: body[0].update(attemptNumber=4, eventId=9, subscriptionId=7),
        lambda body: body.reverse(),
    ),
    "hubspot-workflows": (
        "hubspot-workflows-won",
        lambda body: body.update(version=42),
        lambda body: body["properties"].pop("closedate"),
    ),
    "salesforce-data360": (
        "salesforce-data360-won",
        lambda body: body["events"][0].update(uuid="other", Offset="99"),
        lambda body: body["events"][0].update(EventPublishDateTime="2026-09-22T00:00:00Z"),
    ),
    "intercom": (
        "intercom-resolved",
        lambda body: body.update(id="notif_other", delivery_attempts=2, first_sent_at=1790000060),
        lambda body: body["data"]["item"].update(updated_at=1790000999),
    ),
    "calendly": (
        "calendly-booked",
        lambda body: body.update(created_at="2026-09-21T14:20:00Z"),
        lambda body: body["payload"].update(updated_at="2026-09-21T14:20:00Z"),
    ),
    "docusign": (
        "docusign-completed",
        lambda body: body.update(retryCount=5, generatedDateTime="2026-09-23T00:00:00Z"),
        lambda body: body.update(configurationId=1),
    ),
    "stripe": (
        "stripe-paid",
        lambda body: body.update(id="evt_other", pending_webhooks=0),
        lambda body: body.update(type="checkout.session.async_payment_succeeded"),
    ),
    "shopify-acme": (
        "shopify-paid",
        lambda body: body.update(updated_at="2026-09-22T10:00:00-04:00"),
        lambda body: body.update(tags="agent, vip", fulfillment_status="fulfilled"),
    ),
    "jira": (
        "jira-done",
        lambda body: body["issue"].update(key="MOVED-1"),
        lambda body: body["changelog"].update(id="1"),
    ),
}


@pytest.mark.parametrize(("name", "first", "second"), RETRIES.values(), ids=RETRIES.keys())
def test_what_a_vendor_changes_when_it_sends_again_is_no_part_of_the_key(
    request: pytest.FixtureRequest, name: str, first: Any, second: Any
) -> None:
    source = request.node.callspec.id
    whole = example(name)
    [key] = keys(mapped(source, whole))
    [charge] = mapped(source, whole).outcomes
    for change in (first, second):
        change(whole)
        [again] = mapped(source, whole).outcomes
        assert (again.key, again.kind, again.triple) == (key, Kind.CHARGE, charge.triple)


#: A charge, and what takes it back.
PAIRS = {
    "hubspot-workflows": ("won.json", "reopened.json"),
    "hubspot-private": ("won.json", "reopened.json"),
    "salesforce-outbound": ("won.xml", "reopened.xml"),
    "salesforce-data360": ("won.json", "reopened.json"),
    "intercom": ("resolved.json", "reopened.json"),
    "calendly": ("booked.json", "cancelled.json"),
    "slack-approvals": ("approved.txt", "withdrawn.txt"),
    "stripe": ("paid.json", "refunded.json"),
    "shopify": ("paid.json", "cancelled.json"),
    "jira": ("done.json", "reopened.json"),
}


def test_every_mapping_that_reverses_has_its_pair_here() -> None:
    assert set(PAIRS) == set(NAMES) - WITHOUT_REVERSAL


@pytest.mark.parametrize(("name", "files"), PAIRS.items(), ids=PAIRS.keys())
def test_a_reversal_takes_back_the_charge_of_the_same_key_and_comes_later(
    name: str, files: tuple[str, str]
) -> None:
    source = document(name).get("source") or document(name)["sources"][0]["name"]
    [charge], [reversal] = (
        mapped(source, FILES[f"examples/{name}-{file}"], name=name).outcomes for file in files
    )
    assert (charge.kind, reversal.kind) == (Kind.CHARGE, Kind.REVERSAL)
    assert charge.key == reversal.key
    if charge.occurred_at is not None:
        assert reversal.occurred_at is not None
        assert charge.occurred_at < reversal.occurred_at


def test_a_meeting_moved_on_calendly_stays_charged_once() -> None:
    moved_to = mapped("calendly", example("calendly-rescheduled-to")).outcomes
    moved_away = mapped("calendly", example("calendly-rescheduled-away")).outcomes
    booked = mapped("calendly", example("calendly-booked")).outcomes
    assert moved_away[0].key == booked[0].key != moved_to[0].key


def test_messages_of_salesforce_about_one_record_share_its_key() -> None:
    body = FILES["examples/salesforce-outbound-won.xml"]
    later = body.replace(b"04lHs00001Z9kQhIAJ", b"04lHs00001Z9zzzIAJ").replace(
        b"48000.0", b"52000.0"
    )
    assert later != body
    source = "salesforce-outbound"
    assert keys(mapped(source, body)) == keys(mapped(source, later))


def test_pressing_a_slack_button_twice_has_one_key() -> None:
    body = FILES["examples/slack-approvals-approved.txt"]
    again = body.replace(b"1789999998.112233", b"1789999999.000001").replace(b"1259.", b"1260.")
    assert again != body
    assert keys(mapped("slack-approvals", body)) == keys(mapped("slack-approvals", again))
