from datetime import timedelta

import pytest

from jobs.common.failure_groups import collapse, group_id
from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.failures import read_failures, replay_command
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.sources.rules import KnownRule, read_rules
from jobs.storage.database import Database
from mappings.engine.reasons import Reason, remediation_of
from tests.support.rows import START, Rows


async def test_thousands_of_failures_become_a_handful(database: Database, rows: Rows) -> None:
    for number in range(30):
        detail = f'table "companies" has no key "{number}"; add it to tables/companies.yaml'
        await rows.failure("unmapped", detail, rule="solved", held_back=2)
    await rows.failure("unpriced", "no price for agent sales-agent")
    first, second = await read_failures(database)
    assert (first.count, first.outcomes_held_back, first.reason) == (30, 60, "unmapped")
    assert first.first_seen == START + timedelta(seconds=1)
    assert first.last_seen == START + timedelta(seconds=30)
    assert (first.example_delivery, '"29"' in first.example_detail) == ("d30", True)
    assert "table" in first.remediation
    command = "receiver replay --source zendesk --reason unmapped --rule solved --group"
    assert first.replay == f"{command} {first.id}"
    assert (
        second.replay == f"receiver replay --source zendesk --reason unpriced --group {second.id}"
    )


async def test_each_group_has_an_id_that_the_filter_takes(database: Database, rows: Rows) -> None:
    details = ["no price for agent a", "no price for agent b", "no price for agent b"]
    for source in ("desk", "crm"):
        for detail in details:
            await rows.failure("unpriced", detail, rule="solved", source=source)
    groups = await read_failures(database)
    assert len({group.replay for group in groups}) == len(groups) == 4
    for group in groups:
        where = DeliveryFilter(group=group.id)
        page = await list_deliveries(database, where)
        assert len(page.items) == group.count
        assert {(one.source, one.detail) for one in page.items} == {
            (group.source, group.example_detail)
        }
        assert [one.id for one in await read_failures(database, where)] == [group.id]


async def test_the_group_that_was_kept_outlives_another_text(
    database: Database, rows: Rows
) -> None:
    kept = group_id("zendesk", "mapping", None, "odd")
    await rows.failure("mapping", "a text that a purge has changed", failure_group=kept)
    [group] = await read_failures(database)
    assert group.id == kept
    await rows.delivery("ignored", failure_group=kept)
    assert len((await list_deliveries(database, DeliveryFilter(group=kept))).items) == 1


async def test_without_a_kept_group_the_command_takes_the_rule(
    database: Database, rows: Rows
) -> None:
    """As a process of an earlier version writes them in the middle of an upgrade."""
    await rows.failure("parse", "no JSON", failure_group=None)
    [group] = await read_failures(database)
    assert group.replay == "receiver replay --source zendesk --reason parse"


async def test_what_a_group_shares_is_not_masked(database: Database, rows: Rows) -> None:
    limit = "more than 256; cut it with .substring(0, 256), as RFC 3339 says of 2026-01-31"
    for number in (300, 301):
        await rows.failure("mapping", f'tag "note" has {number} characters, {limit}')
    [group] = await read_failures(database)
    assert group.detail == f'tag "note" has … characters, {limit}'


async def test_only_what_is_failed_now_counts(database: Database, rows: Rows) -> None:
    await rows.delivery("recorded")
    await rows.delivery("discarded", reason="parse", detail="no JSON")
    assert await read_failures(database) == ()


async def test_failures_can_be_filtered(database: Database, rows: Rows) -> None:
    await rows.failure("parse", "no JSON", source="github")
    await rows.failure("parse", "no JSON", source="hubspot")
    [found] = await read_failures(database, DeliveryFilter(source="github"))
    assert found.source == "github"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("key '17' is missing", "key 'a b' is missing", id="single-quotes"),
        pytest.param(r'key "a\"b" is missing', 'key "" is missing', id="escaped-quote"),
        pytest.param("ticket 17 is odd", "ticket 18 is odd", id="numbers"),
        pytest.param("time -1.5e3 is odd", "time 2 is odd", id="decimals"),
        pytest.param(
            "id 0198f2c4-5f7b-7c3e-9f55-0c6bd5a1f2d0 is odd", "id abc123 is odd", id="ids"
        ),
        pytest.param(
            "at 2026-01-01T00:00:00Z it was", "at 2026-05-17T10:22:13.1Z it was", id="times"
        ),
        pytest.param("billed for a / b / c", "billed for a / d-e / c", id="triples"),
        pytest.param(
            "no price (3 more of its events fail) (holds back 2 good outcomes)",
            "no price (holds back 1 good outcome)",
            id="about-the-delivery",
        ),
    ],
)
def test_what_differs_between_deliveries_collapses(one: str, other: str) -> None:
    assert collapse(one) == collapse(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("no price for agent a", "no price for agent b", id="names"),
        pytest.param("the vendor's id isn't here", "the vendor's key isn't here", id="apostrophe"),
    ],
)
def test_what_tells_causes_apart_stays(one: str, other: str) -> None:
    assert collapse(one) != collapse(other)


def test_tables_and_expressions_are_named_as_they_are() -> None:
    detail = 'the table "companies" has no key "17" in `lookup("companies", id(x2))`; add it'
    assert collapse(detail) == detail.replace('"17"', '"…"')


def test_every_reason_has_its_remediation() -> None:
    known = {remediation_of(reason) for reason in Reason}
    assert len(known) == len(Reason)
    assert remediation_of("unknown") not in known


def test_the_command_can_be_pasted_whatever_the_names() -> None:
    command = replay_command("zendesk", "mapping", "won; rm -rf", "0a1b")
    assert command == (
        "receiver replay --source zendesk --reason mapping --rule 'won; rm -rf' --group 0a1b"
    )


async def test_rules_tell_matches_errors_and_silence(database: Database, rows: Rows) -> None:
    delivery_id = await rows.delivery()
    await rows.outcome(delivery_id)
    await rows.outcome(delivery_id, rule="gone")
    await rows.delivery("ignored")
    await rows.failure("mapping", "odd", rule="solved")
    known = [
        KnownRule("zendesk", "solved", "live"),
        KnownRule("zendesk", "reopened", "live"),
        KnownRule("zendesk", "tried", "shadow"),
    ]
    found = {item.rule: item for item in await read_rules(database, known)}
    assert found.keys() == {"solved", "reopened", "tried", "gone"}
    assert (found["solved"].matched, found["solved"].errored) == (1, 1)
    assert found["solved"].last_match == START + timedelta(seconds=1)
    assert found["solved"].never_matched_in is None
    assert (found["reopened"].matched, found["reopened"].never_matched_in) == (0, 2)
    assert (found["tried"].mode, found["tried"].never_matched_in) == ("shadow", None)
    assert found["gone"].mode is None
