from datetime import timedelta

import pytest

from jobs.common.errors import FilterInvalid
from jobs.filters import BillingFilter, DeliveryFilter
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.deliveries.listing import list_deliveries, unknown_ids
from jobs.queries.ledger.billing_events import list_billing_events
from jobs.storage.database import Database
from jobs.storage.keyset import DELIVERIES, Keyset, Position, write_cursor
from tests.support.rows import START, Rows


async def _pages(database: Database, *, limit: int) -> list[list[str]]:
    pages, cursor = [], None
    while True:
        page = await list_deliveries(database, DeliveryFilter(), limit=limit, cursor=cursor)
        pages.append([item.id for item in page.items])
        cursor = page.next
        if cursor is None:
            return pages


async def test_deliveries_come_newest_first_each_once(database: Database, rows: Rows) -> None:
    for _ in range(5):
        await rows.delivery()
    assert await _pages(database, limit=2) == [["d5", "d4"], ["d3", "d2"], ["d1"]]


async def test_deliveries_of_one_moment_are_neither_lost_nor_shown_twice(
    database: Database, rows: Rows
) -> None:
    for _ in range(5):
        await rows.delivery(received_at=START + timedelta(microseconds=123_456))
    assert await _pages(database, limit=2) == [["d5", "d4"], ["d3", "d2"], ["d1"]]


async def test_a_full_last_page_has_no_next(database: Database, rows: Rows) -> None:
    for _ in range(4):
        await rows.delivery()
    assert await _pages(database, limit=2) == [["d4", "d3"], ["d2", "d1"]]


async def test_a_newcomer_does_not_shift_the_next_page(database: Database, rows: Rows) -> None:
    for _ in range(3):
        await rows.delivery()
    first = await list_deliveries(database, DeliveryFilter(), limit=2)
    await rows.delivery()
    second = await list_deliveries(database, DeliveryFilter(), limit=2, cursor=first.next)
    assert [item.id for item in second.items] == ["d1"]


async def test_more_than_a_thousand_is_clamped_and_less_than_one_refused(
    database: Database, rows: Rows
) -> None:
    await rows.delivery()
    assert len((await list_deliveries(database, DeliveryFilter(), limit=5_000)).items) == 1
    with pytest.raises(FilterInvalid, match="limit is 0; give a number from 1 to 1000"):
        await list_deliveries(database, DeliveryFilter(), limit=0)


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(DeliveryFilter(ids=("d2", "d9")), id="ids"),
        pytest.param(DeliveryFilter(state="failed"), id="state"),
        pytest.param(DeliveryFilter(reason="unpriced"), id="reason"),
        pytest.param(DeliveryFilter(source="github"), id="source"),
        pytest.param(DeliveryFilter(rule="approved"), id="rule"),
        pytest.param(
            DeliveryFilter(since=START + timedelta(seconds=2), until=START + timedelta(seconds=3)),
            id="since-included-until-not",
        ),
    ],
)
async def test_each_filter_picks_its_own(
    database: Database, rows: Rows, where: DeliveryFilter
) -> None:
    await rows.delivery()
    await rows.delivery("failed", reason="unpriced", source="github", rule="approved")
    await rows.delivery()
    page = await list_deliveries(database, where)
    assert [item.id for item in page.items] == ["d2"]


async def test_a_listed_delivery_has_exactly_the_promised_names(
    database: Database, rows: Rows
) -> None:
    delivery_id = await rows.delivery()
    await rows.outcome(delivery_id)
    await rows.outcome(delivery_id)
    [item] = (await list_deliveries(database, DeliveryFilter())).items
    assert item.model_dump(mode="json") == {
        "id": "d1",
        "source": "zendesk",
        "state": "recorded",
        "reason": None,
        "detail": None,
        "rule": None,
        "attempts": 0,
        "duplicates": 0,
        "received_at": "2026-05-01T12:00:01Z",
        "settled_at": "2026-05-01T12:00:01Z",
        "outcomes": 2,
    }


@pytest.mark.parametrize(
    "cursor",
    [
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="word"),
        pytest.param("a b", id="space"),
        pytest.param("☃", id="not-ascii"),
        pytest.param("A" * 3_000, id="long"),
        pytest.param("W10", id="empty-list"),
        pytest.param(
            Keyset("billing events", DELIVERIES.at, DELIVERIES.id).write(Position(START, "b1")),
            id="of-another-list",
        ),
        pytest.param(write_cursor("deliveries", ("yesterday", "d1")), id="no-time"),
        pytest.param(write_cursor("deliveries", ("2026-01-01T00:00:00", "d1")), id="no-zone"),
        pytest.param(write_cursor("deliveries", ("2026-01-01T00:00:00Z",)), id="too-short"),
    ],
)
async def test_an_unknown_cursor_is_refused(database: Database, cursor: str) -> None:
    with pytest.raises(FilterInvalid, match="cursor is unknown"):
        await list_deliveries(database, DeliveryFilter(), cursor=cursor)


@pytest.mark.parametrize("row_id", ["d1", "ü/?+", "x" * 300])
def test_a_cursor_is_made_of_safe_characters_and_reads_back(row_id: str) -> None:
    cursor = DELIVERIES.write(Position(START, row_id))
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert cursor.isascii()
    assert DELIVERIES.read(cursor) == (START, row_id)


async def test_one_delivery_comes_with_its_evidence(database: Database, rows: Rows) -> None:
    delivery_id = await rows.delivery(body='{"name": "Zoë"}'.encode())
    await rows.charge(delivery_id=delivery_id)
    found = await read_delivery(database, delivery_id)
    assert found is not None
    assert found.headers == {"content-type": "application/json"}
    assert (found.body, found.body_encoding) == ('{"name": "Zoë"}', None)
    [outcome], [event] = found.outcomes, found.billing_events
    assert (outcome.verdict, outcome.amount, outcome.rule) == ("charged", "0.99", "solved")
    assert event.id == "b1"


async def test_a_body_that_is_no_text_comes_as_base64(database: Database, rows: Rows) -> None:
    found = await read_delivery(database, await rows.delivery(body=b"\xff\x00"))
    assert found is not None
    assert (found.body, found.body_encoding) == ("/wA=", "base64")


async def test_a_body_that_retention_removed_is_null(database: Database, rows: Rows) -> None:
    gone = await rows.delivery(body=None, headers={}, evidence="expired")
    found = await read_delivery(database, gone)
    assert found is not None
    assert (found.body, found.body_encoding, found.evidence) == (None, None, "expired")


async def test_an_unknown_delivery_is_none_and_named(database: Database, rows: Rows) -> None:
    await rows.delivery()
    assert await read_delivery(database, "d2") is None
    assert await unknown_ids(database, ["d2", "d1", "d3"]) == ["d2", "d3"]


async def test_a_billing_event_has_exactly_the_promised_names(
    database: Database, rows: Rows
) -> None:
    await rows.charge(micros=400_000_000)
    [item] = (await list_billing_events(database, BillingFilter())).items
    assert item.model_dump(mode="json") == {
        "id": "b1",
        "kind": "charge",
        "agent_id": "support-agent",
        "customer_id": "acme",
        "indicator": "ticket-resolved",
        "amount": "400.00",
        "currency": "USD",
        "occurred_at": "2026-05-01T12:00:00Z",
        "recorded_at": "2026-05-01T12:00:00Z",
        "delivery_id": "d1",
        "source": "zendesk",
        "outcome": "solved",
        "outcome_key": '["zendesk","solved","1"]',
        "sequence": 1,
        "reverses": None,
        "meta_tags": {"channel": "crm"},
    }


async def test_billing_events_page_newest_first(database: Database, rows: Rows) -> None:
    for seconds in range(3):
        await rows.charge(START + timedelta(seconds=seconds))
    first = await list_billing_events(database, BillingFilter(), limit=2)
    rest = await list_billing_events(database, BillingFilter(), limit=2, cursor=first.next)
    assert [item.id for item in (*first.items, *rest.items)] == ["b3", "b2", "b1"]
    assert rest.next is None


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(BillingFilter(agent="sales-agent"), id="agent"),
        pytest.param(BillingFilter(customer="globex"), id="customer"),
        pytest.param(BillingFilter(indicator="deal-won"), id="indicator"),
        pytest.param(BillingFilter(source="crm"), id="source"),
        pytest.param(BillingFilter(rule="won"), id="rule"),
        pytest.param(BillingFilter(kind="reversal"), id="kind"),
        pytest.param(BillingFilter(currency="EUR"), id="currency"),
        pytest.param(BillingFilter(delivery="d2"), id="delivery"),
        pytest.param(BillingFilter(outcome_key='["crm","won","A"]'), id="outcome-key"),
        pytest.param(
            BillingFilter(
                since=START - timedelta(days=3), until=START - timedelta(days=3, seconds=-1)
            ),
            id="occurred",
        ),
        pytest.param(
            BillingFilter(
                recorded_since=START + timedelta(days=1),
                recorded_until=START + timedelta(days=1, seconds=1),
            ),
            id="recorded",
        ),
        pytest.param(
            BillingFilter(
                rule="won", source="crm", recorded_since=START, since=START - timedelta(days=9)
            ),
            id="several",
        ),
    ],
)
async def test_each_billing_filter_picks_its_own(
    database: Database, rows: Rows, where: BillingFilter
) -> None:
    taken_back = await rows.charge()
    cause = await rows.outcome(await rows.delivery(), outcome_key='["crm","won","A"]', rule="won")
    await rows.reversal(
        taken_back,
        agent_id="sales-agent",
        customer_id="globex",
        indicator="deal-won",
        source="crm",
        currency="EUR",
        outcome_key='["crm","won","A"]',
        delivery_id="d2",
        outcome_id=cause,
        recorded_at=START + timedelta(days=1),
        occurred_at=START - timedelta(days=3),
    )
    await rows.charge()
    page = await list_billing_events(database, where)
    assert [item.id for item in page.items] == ["b2"]
