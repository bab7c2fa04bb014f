"""Up to when the ledger is complete, while transactions are held open, and the export by it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert, make_url, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.filters import BillingFilter
from jobs.ledger.horizon import oldest_in_flight, posting_time, read_horizon
from jobs.queries.ledger.billing_events import BillingEventItem
from jobs.queries.ledger.export import read_forward
from jobs.storage.database import Database, open_database
from jobs.storage.schema import billing_events, customers
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop
from tests.support.rows import Rows

ALL = BillingFilter()
ROLE = "reader_without_privileges"


@asynccontextmanager
async def held_open(workshop: Workshop) -> AsyncIterator[AsyncConnection]:
    """Another session's transaction; it is committed at the end."""
    database = workshop.new_database()
    async with database.engine.connect() as bare:
        connection = await bare.execution_options(sqlite_begin="IMMEDIATE")
        async with connection.begin():
            yield connection


async def insert_line(connection: AsyncConnection, database: Database, of: str) -> datetime:
    """A copy of a line under a key of its own, as a person would write it; its recorded_at."""
    found = await connection.execute(select(billing_events).where(billing_events.c.id == of))
    row = dict(found.mappings().one())
    recorded_at = await database.time(connection)
    key = {"key": f"{row['outcome_key']} by hand"}
    await connection.execute(text("INSERT INTO outcome_keys VALUES (:key)"), key)
    by_hand = {"id": f"{of}x"[-36:], "outcome_key": key["key"], "recorded_at": recorded_at}
    await connection.execute(insert(billing_events).values({**row, **by_hand}))
    return recorded_at


async def read_all(
    database: Database, after: str, *, limit: int = 3
) -> tuple[list[BillingEventItem], str]:
    """Every line that is complete by now, page by page, and the cursor behind it."""
    items: list[BillingEventItem] = []
    while True:
        page = await read_forward(database, ALL, after=after, limit=limit)
        items += page.items
        assert page.next is not None
        after = page.next
        if len(page.items) < limit:
            return items, after


async def test_nothing_is_complete_past_a_line_that_is_not_committed(workshop: Workshop) -> None:
    await Rows(workshop.database).charge()
    async with held_open(workshop) as connection:
        recorded_at = await insert_line(connection, workshop.database, "b1")
        before = await read_horizon(workshop.database)
        assert before <= recorded_at
        items, after = await read_all(workshop.database, "")
        assert [item.id for item in items] in ([], ["b1"])  # on SQLite not the latest one
    assert await read_horizon(workshop.database) > recorded_at
    more, _ = await read_all(workshop.database, after)
    assert [item.id for item in [*items, *more]] == ["b1", "b1x"]


async def test_a_line_behind_one_that_is_not_committed_waits_for_it(on_postgres: Workshop) -> None:
    rows = Rows(on_postgres.database)
    first, second = await rows.charge(), await rows.charge()
    async with held_open(on_postgres) as connection:
        await insert_line(connection, on_postgres.database, first)
        async with held_open(on_postgres) as other:
            await insert_line(other, on_postgres.database, second)
        items, after = await read_all(on_postgres.database, "")
        assert [item.id for item in items] == [first, second]
    more, _ = await read_all(on_postgres.database, after)
    assert [item.id for item in more] == [f"{first}x", f"{second}x"]


async def test_a_transaction_that_took_its_time_and_wrote_no_line_yet_counts(
    workshop: Workshop,
) -> None:
    async with held_open(workshop) as connection:
        recorded_at = await posting_time(workshop.database, connection)
        await asyncio.sleep(0.01)
        assert await read_horizon(workshop.database) <= recorded_at
    assert await read_horizon(workshop.database) > recorded_at


async def test_a_transaction_that_only_reads_holds_nothing_back(workshop: Workshop) -> None:
    database = workshop.new_database()
    async with database.read() as connection:
        await connection.execute(select(billing_events))
        began = await workshop.database.time(connection)
        assert await read_horizon(workshop.database) > began
        assert await oldest_in_flight(workshop.database) is None


async def test_any_transaction_that_has_written_holds_back_and_is_named(
    on_postgres: Workshop,
) -> None:
    async with held_open(on_postgres) as connection:
        began = (await connection.execute(text("SELECT now()"))).scalar_one()
        row = {"id": "new", "first_billed_at": began}
        await connection.execute(insert(customers).values(row))
        assert await read_horizon(on_postgres.database) == began
        found = await oldest_in_flight(on_postgres.database)
        assert found is not None
        assert (found.since, found.application) == (began, "receiver")
        pid = (await connection.execute(text("SELECT pg_backend_pid()"))).scalar_one()
        assert str(found).startswith(f"process {pid} of ")


async def test_a_role_that_may_see_nothing_of_other_sessions_knows_what_is_in_flight(
    on_postgres: Workshop,
) -> None:
    """PostgreSQL shows a role the start of its own sessions alone, but the locks of all."""
    await on_postgres.run(
        f"DO $$ BEGIN CREATE ROLE {ROLE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
    )
    await on_postgres.run(f"GRANT SELECT ON billing_events TO {ROLE}")
    url = make_url(on_postgres.url).set(username=ROLE)
    reader = open_database(url.render_as_string(hide_password=False))
    await Rows(on_postgres.database).charge()
    try:
        async with held_open(on_postgres) as connection:
            recorded_at = await posting_time(on_postgres.database, connection)
            assert await oldest_in_flight(reader) is None  # it is not shown
            assert await read_horizon(reader) <= recorded_at
        async with held_open(on_postgres) as connection:
            recorded_at = await insert_line(connection, on_postgres.database, "b1")
            assert await read_horizon(reader) <= recorded_at
        assert await read_horizon(reader) > recorded_at
    finally:
        await reader.close()


async def test_an_export_beside_settling_has_each_line_once_in_the_order_of_commitment(
    on_postgres: Workshop,
) -> None:
    """A transaction is held open meanwhile; lines of one key come in the order of the key."""
    fake = FakeMappings()
    settlers = [await on_postgres.settler(fake) for _ in range(2)]
    await on_postgres.post(body(bill("first")))
    await settlers[0].settle(on_postgres.rung)
    (first,) = await on_postgres.all(select(billing_events.c.id))
    got: list[BillingEventItem] = []
    after = ""

    async def export(times: int) -> None:
        nonlocal after
        for _ in range(times):
            items, after = await read_all(on_postgres.database, after, limit=7)
            got.extend(items)

    async def settle(number: int) -> None:
        ids = await on_postgres.post(
            *(body(bill(f"{number}-{key}"), undo(f"{number}-{key}")) for key in range(4))
        )
        await settlers[number % 2].settle(ids)

    async with held_open(on_postgres) as connection:
        await insert_line(connection, on_postgres.database, first.id)
        await asyncio.gather(export(8), *map(settle, range(8)))
        assert len(got) <= 1  # nothing behind the line that is held
    await asyncio.gather(export(8), *map(settle, range(8, 16)))
    await export(1)
    lines = await on_postgres.all(select(billing_events.c.id))
    assert len(lines) == 2 + 16 * 4 * 2
    assert sorted(item.id for item in got) == sorted(line.id for line in lines)
    assert got == sorted(got, key=lambda item: (item.recorded_at, item.id))
    by_key: dict[str, list[int]] = {}
    for item in got:
        by_key.setdefault(item.outcome_key, []).append(item.sequence)
    assert all(sequences == sorted(sequences) for sequences in by_key.values())


async def test_a_filtered_export_goes_on_behind_what_it_passed_over(workshop: Workshop) -> None:
    rows = Rows(workshop.database)
    for customer in ("acme", "globex", "acme"):
        await rows.charge(customer_id=customer)
    where = BillingFilter(customer="globex")
    page = await read_forward(workshop.database, where, after="")
    assert [item.id for item in page.items] == ["b2"]
    await rows.charge(datetime.now(UTC), customer_id="globex")
    assert page.next is not None
    more = await read_forward(workshop.database, where, after=page.next)
    assert [item.id for item in more.items] == ["b4"]


async def test_the_cursor_of_an_empty_ledger_gives_what_comes(workshop: Workshop) -> None:
    page = await read_forward(workshop.database, ALL, after="")
    assert (page.items, page.next is None) == ((), False)
    await Rows(workshop.database).charge()
    assert len((await read_forward(workshop.database, ALL, after=str(page.next))).items) == 1


@pytest.mark.parametrize("after", ["x", "WyJhIiwiYiJd", "-"])
async def test_a_cursor_of_somewhere_else_is_refused(workshop: Workshop, after: str) -> None:
    with pytest.raises(FilterInvalid, match="cursor is unknown"):
        await read_forward(workshop.database, ALL, after=after)


async def test_a_clock_that_was_set_back_carries_no_line_behind_another(
    workshop: Workshop,
) -> None:
    """Not by a little; a line of a clock far ahead takes no others with it."""
    rows = Rows(workshop.database)
    ahead = datetime.now(UTC) + timedelta(seconds=20)
    for moment in (ahead, ahead + timedelta(days=300)):
        await rows.charge(moment)
    async with workshop.database.write() as connection:
        assert await posting_time(workshop.database, connection) == ahead + timedelta(
            microseconds=1
        )
