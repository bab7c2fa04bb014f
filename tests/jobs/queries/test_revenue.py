import asyncio
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from jobs.common.errors import FilterInvalid
from jobs.filters import BillingFilter
from jobs.queries.ledger.billing_events import Basis
from jobs.queries.ledger.revenue import read_revenue
from jobs.storage.database import Database
from tests.support.rows import Rows

EVERYTHING = BillingFilter()
UTC_ZONE = ZoneInfo("UTC")
TICK = timedelta(microseconds=1)


async def _revenue(
    database: Database,
    *by: str,
    where: BillingFilter = EVERYTHING,
    zone: ZoneInfo = UTC_ZONE,
    **piece: Any,
) -> list[dict[str, Any]]:
    page = await read_revenue(database, where, by=by, zone=zone, **piece)
    return [item.as_json() for item in page.items]


async def test_without_postings_there_is_no_revenue(database: Database) -> None:
    assert await _revenue(database) == []


async def test_a_sum_is_exact_counts_kinds_and_keeps_currencies_apart(
    database: Database, rows: Rows
) -> None:
    await rows.charge(micros=1)
    await rows.reversal(await rows.charge())
    await rows.charge(micros=400_000_000, currency="EUR")
    assert await _revenue(database) == [
        {"currency": "EUR", "charges": 1, "reversals": 0, "amount": "400.00"},
        {
            "currency": "USD",
            "charges": 2,
            "reversals": 1,
            "amount": "0.000001",
            "payable": "0.00",
        },
    ]


async def test_what_can_be_paid_stands_beside_what_is_exact(database: Database, rows: Rows) -> None:
    """Of the sum, not of each line: what a statement can ask for."""
    await rows.charge(micros=308_625_000, currency="JPY")
    await rows.charge(micros=308_625_000, currency="JPY")
    await rows.charge(micros=1_234_500, currency="KWD")
    await rows.charge(micros=990_000)
    found = {item["currency"]: item for item in await _revenue(database)}
    assert (found["JPY"]["amount"], found["JPY"]["payable"]) == ("617.25", "617")
    assert (found["KWD"]["amount"], found["KWD"]["payable"]) == ("1.2345", "1.234")
    assert "payable" not in found["USD"]


async def test_a_sum_may_exceed_what_one_column_holds(database: Database, rows: Rows) -> None:
    """Millionths of 9.2 trillion fill 64 bits; SQLite refuses a plain SUM beyond that."""
    largest = 2**63 - 1
    await rows.charge(micros=largest)
    await rows.charge(micros=largest)
    [item] = await _revenue(database)
    assert item["amount"] == "18446744073709.551614"


async def test_groups_carry_the_names_asked_for_and_no_others(
    database: Database, rows: Rows
) -> None:
    await rows.charge(customer_id="globex")
    await rows.charge()
    await rows.charge()
    items = await _revenue(database, "customer", "agent", "indicator")
    assert [(item["customer"], item["charges"]) for item in items] == [("acme", 2), ("globex", 1)]
    assert items[0].keys() == {
        "customer", "agent", "indicator", "currency", "charges", "reversals", "amount",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "midnight"),
    [
        pytest.param("UTC", datetime(2026, 7, 1, 0, 0, tzinfo=UTC), id="utc"),
        pytest.param("Asia/Kolkata", datetime(2026, 6, 30, 18, 30, tzinfo=UTC), id="half-hour"),
        pytest.param("Asia/Kathmandu", datetime(2026, 6, 30, 18, 15, tzinfo=UTC), id="quarter"),
        pytest.param("America/New_York", datetime(2026, 7, 1, 4, 0, tzinfo=UTC), id="summer-time"),
    ],
)
async def test_a_day_and_a_month_begin_at_local_midnight_to_the_microsecond(
    database: Database, rows: Rows, zone: str, midnight: datetime
) -> None:
    await rows.charge(midnight - TICK)
    await rows.charge(midnight)
    items = await _revenue(database, "day", "month", zone=ZoneInfo(zone))
    days = [(item["day"], item["month"], item["charges"]) for item in items]
    assert days == [("2026-07-01", "2026-07", 1), ("2026-06-30", "2026-06", 1)]


@pytest.mark.parametrize(
    ("day", "hours"),
    [
        pytest.param(datetime(2026, 3, 29, tzinfo=UTC), 23, id="spring"),
        pytest.param(datetime(2026, 10, 25, tzinfo=UTC), 25, id="autumn"),
    ],
)
async def test_the_day_the_clock_changes_has_its_own_length(
    database: Database, rows: Rows, day: datetime, hours: int
) -> None:
    for hour in range(-4, 28):
        await rows.charge(day + timedelta(hours=hour))
    items = await _revenue(database, "day", zone=ZoneInfo("Europe/Berlin"))
    counts = {item["day"]: item["charges"] for item in items}
    assert counts[day.date().isoformat()] == hours


async def test_the_basis_decides_which_time_counts(database: Database, rows: Rows) -> None:
    await rows.charge(
        occurred_at=datetime(2026, 1, 31, tzinfo=UTC), recorded_at=datetime(2026, 2, 1, tzinfo=UTC)
    )
    occurred = await _revenue(database, "month")
    recorded = await _revenue(database, "month", basis="recorded")
    assert (occurred[0]["month"], recorded[0]["month"]) == ("2026-01", "2026-02")


async def test_pages_follow_one_another_latest_period_first(database: Database, rows: Rows) -> None:
    for day in (1, 2, 3):
        await rows.charge(datetime(2026, 1, day, tzinfo=UTC))
        await rows.charge(datetime(2026, 1, day, tzinfo=UTC), customer_id="globex")
    seen: list[tuple[str | None, str | None]] = []
    cursor = None
    while True:
        page = await read_revenue(
            database, EVERYTHING, by=("customer", "day"), zone=UTC_ZONE, limit=4, cursor=cursor
        )
        seen += [(item.day, item.customer) for item in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert seen == [
        (f"2026-01-0{day}", customer) for day in (3, 2, 1) for customer in ("acme", "globex")
    ]


async def test_a_group_that_is_none_is_refused(database: Database) -> None:
    with pytest.raises(FilterInvalid, match="by names 'model'; choose from agent, customer"):
        await _revenue(database, "model")


async def test_an_unknown_cursor_is_refused(database: Database, rows: Rows) -> None:
    await rows.charge()
    with pytest.raises(FilterInvalid, match="cursor is unknown"):
        await _revenue(database, cursor="abc")


async def test_since_is_when_it_occurred_whatever_the_basis_and_other_times_say_their_name(
    database: Database, rows: Rows
) -> None:
    january, march = datetime(2026, 1, 10, tzinfo=UTC), datetime(2026, 3, 10, tzinfo=UTC)
    await rows.charge(occurred_at=january, recorded_at=march)
    february = datetime(2026, 2, 1, tzinfo=UTC)
    bases: tuple[Basis, ...] = ("occurred", "recorded")
    for basis in bases:
        found = [
            await _revenue(database, where=where, basis=basis)
            for where in (
                BillingFilter(until=february),
                BillingFilter(since=february),
                BillingFilter(recorded_since=february),
                BillingFilter(recorded_until=february),
            )
        ]
        assert [len(items) for items in found] == [1, 0, 1, 0]


async def test_all_pages_are_of_the_moment_of_the_first(database: Database, rows: Rows) -> None:
    """A charge that is taken back and billed elsewhere meanwhile stands on one page, not on two."""
    first = await rows.charge(customer_id="acme")
    await rows.charge(customer_id="globex")
    read = partial(read_revenue, database, EVERYTHING, by=("customer",), zone=UTC_ZONE, limit=1)
    page = await read()
    assert page.next is not None
    now = datetime.now(UTC)
    await rows.reversal(first, now, customer_id="acme")
    await rows.charge(now, customer_id="globex")
    rest = await read(cursor=page.next)
    assert [item.amount for item in (*page.items, *rest.items)] == ["0.99", "0.99"]
    assert (rest.next, rest.complete_until) == (None, page.complete_until)
    assert [item.amount for item in (await read(cursor=(await read()).next)).items] == ["1.98"]


async def test_pages_have_every_line_that_was_there_when_they_were_asked_for(
    database: Database, rows: Rows
) -> None:
    """A transaction that ends in a moment is waited for."""
    await rows.charge(customer_id="acme")

    async def write_for_a_moment(has_begun: asyncio.Event) -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO outcome_keys VALUES ('x')"))
            has_begun.set()
            await asyncio.sleep(0.1)

    has_begun = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        if not database.is_sqlite:  # where this line waits for the other transaction
            tasks.create_task(write_for_a_moment(has_begun))
            await has_begun.wait()
        await rows.charge(datetime.now(UTC), customer_id="globex")
        page = await read_revenue(database, EVERYTHING, by=("customer",), zone=UTC_ZONE, limit=1)
    assert page.next is not None
