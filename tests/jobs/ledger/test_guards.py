"""The database's own nets: what no code of ours may do, the tables refuse."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import DBAPIError, IntegrityError

from jobs.common.ids import new_id
from jobs.filters import DeliveryFilter
from jobs.ledger.fold import Settlement
from jobs.ledger.recording import Recorder, StateChangedUnderLock
from jobs.ledger.repository import lock_keys
from jobs.replays.items import note_results
from jobs.replays.replay import discard
from jobs.storage.schema import billing_events, metadata, outcomes
from tests.jobs.doubles import bill, body, undo
from tests.jobs.workshop import Workshop

APPEND_ONLY = ["billing_events", "outcomes", "intake", "actions"]
COLUMNS = {
    "billing_events": "amount_micros = 1",
    "outcomes": "verdict = 'duplicate'",
    "intake": "accepted = 1",
    "actions": "count = 1",
}


@pytest.fixture
async def billed(workshop: Workshop) -> Workshop:
    """A workshop in which a key was charged, and something was discarded."""
    ids = await workshop.post(body(bill("key")), body())
    await (await workshop.settler()).settle(ids)
    await discard(workshop.database, DeliveryFilter(ids=(ids[1],)), actor="me", note="test")
    return workshop


@pytest.mark.parametrize("table", APPEND_ONLY)
@pytest.mark.parametrize("statement", ["UPDATE {table} SET {change}", "DELETE FROM {table}"])
async def test_what_is_written_once_cannot_be_changed(
    billed: Workshop, table: str, statement: str
) -> None:
    with pytest.raises(DBAPIError, match=f"{table} is append only"):
        await billed.run(statement.format(table=table, change=COLUMNS[table]))


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_is_written_once_cannot_be_truncated(on_postgres: Workshop, table: str) -> None:
    with pytest.raises(DBAPIError, match="is append only"):
        await on_postgres.run(f"TRUNCATE {table} CASCADE")


@pytest.mark.parametrize("table", APPEND_ONLY)
async def test_what_is_written_once_cannot_be_replaced(on_sqlite: Workshop, table: str) -> None:
    """REPLACE deletes the row in the way, and SQLite asks no trigger of ours."""
    workshop = on_sqlite
    ids = await workshop.post(body(bill("key")), body(undo("key")), body())
    await (await workshop.settler()).settle(ids)
    await discard(workshop.database, DeliveryFilter(ids=(ids[2],)), actor="me", note="test")
    before = await workshop.all(select(metadata.tables[table]))
    names = [column.name for column in metadata.tables[table].columns]
    changed, value = COLUMNS[table].split(" = ")
    for other_id in {False, table in ("billing_events", "outcomes")}:
        given = {changed: value} | ({"id": "id || 'x'"} if other_id else {})
        with pytest.raises(IntegrityError, match=f"{table} is append only"):
            await workshop.run(
                f"REPLACE INTO {table} ({', '.join(names)}) "  # noqa: S608 - from above
                f"SELECT {', '.join(given.get(name, name) for name in names)} FROM {table}"
            )
    assert await workshop.all(select(metadata.tables[table])) == before


async def another_line(workshop: Workshop, **changes: Any) -> None:
    """Insert a copy of the key's charge, changed, by hand."""
    (line,) = await workshop.all(select(billing_events))
    row = {**line._mapping, "id": new_id(), **changes}
    async with workshop.database.write() as connection:
        await connection.execute(insert(billing_events).values(row))


REFUSED: dict[str, dict[str, Any]] = {
    "a second charge at the same place": {"sequence": 1},
    "a second open charge": {"sequence": 2},
    "a reversal that names no charge": {"sequence": 2, "kind": "reversal", "amount_micros": -1},
    "a reversal that adds money": {"sequence": 2, "kind": "reversal", "reverses": "the charge"},
    "a charge that takes money": {"sequence": 3, "amount_micros": -1},
    "a charge that reverses": {"sequence": 3, "reverses": "the charge"},
    "another kind of line": {"sequence": 3, "kind": "refund"},
    "a key without a row": {"sequence": 1, "outcome_key": "unknown"},
    "an outcome that is not recorded": {"sequence": 3, "outcome_id": "unknown"},
    "a reversal of what is unknown": {
        "sequence": 2,
        "kind": "reversal",
        "amount_micros": -1,
        "reverses": "unknown",
    },
    "no customer": {"sequence": 3, "customer_id": None},
}


@pytest.mark.parametrize("changes", REFUSED.values(), ids=REFUSED.keys())
async def test_a_ledger_that_could_not_be_is_refused(
    billed: Workshop, changes: dict[str, Any]
) -> None:
    (line,) = await billed.all(select(billing_events))
    if changes.get("reverses") == "the charge":
        changes = {**changes, "reverses": line.id}
    with pytest.raises(IntegrityError):
        await another_line(billed, **changes)
    assert await billed.count(billing_events) == 1


@pytest.mark.parametrize(
    "change", ["kind = 'refund'", "verdict = 'unknown'", "amount_rule = 'last'"]
)
async def test_an_outcome_that_could_not_be_is_refused(billed: Workshop, change: str) -> None:
    (recorded,) = await billed.all(select(outcomes))
    name, value = change.split(" = ")
    row = {**recorded._mapping, "id": new_id(), "ordinal": 2, name: value.strip("'")}
    with pytest.raises(IntegrityError):
        async with billed.database.write() as connection:
            await connection.execute(insert(outcomes).values(row))


async def test_a_charge_is_reversed_once(workshop: Workshop) -> None:
    ids = await workshop.post(body(bill("key")), body(undo("key")))
    await (await workshop.settler()).settle(ids)
    charge, reversal = await workshop.all(
        select(billing_events).order_by(billing_events.c.sequence)
    )
    row = {**reversal._mapping, "id": new_id(), "sequence": 4}
    with pytest.raises(IntegrityError):
        async with workshop.database.write() as connection:
            await connection.execute(insert(billing_events).values(row))
    assert reversal.reverses == charge.id


@pytest.mark.parametrize(
    "change", ["state = 'lost'", "source = NULL", "received_at = NULL", "body_sha256 = NULL"]
)
async def test_a_delivery_that_could_not_be_is_refused(billed: Workshop, change: str) -> None:
    with pytest.raises(IntegrityError):
        await billed.run(f"UPDATE deliveries SET {change}")  # noqa: S608 -- the table above


async def test_a_state_that_changed_under_our_lock_stops_the_transaction(
    billed: Workshop,
) -> None:
    ids = await billed.post(body(bill("other")))
    settled = [row.id for row in await billed.all(select(billing_events.c.delivery_id.label("id")))]
    settlements = {one: Settlement("ignored") for one in [*ids, *settled]}
    recorder = Recorder(billed.database, note_results)
    with pytest.raises(StateChangedUnderLock, match="1 of 2 deliveries are no longer received"):
        async with billed.database.write() as connection:
            await recorder._settle_rows(connection, settlements, datetime.now(UTC))
    assert (await billed.delivery(ids[0])).state == "received"


async def test_a_key_is_decided_on_by_one_transaction_at_a_time(billed: Workshop) -> None:
    (key,) = await billed.ledgers()

    async def decide() -> None:
        database = billed.new_database()
        async with database.write() as connection:
            await lock_keys(database, connection, [key])

    async with billed.database.write() as connection:
        await lock_keys(billed.database, connection, [key])
        second = asyncio.create_task(decide())
        await asyncio.wait([second], timeout=0.5)
        assert not second.done()
    await second


def test_no_column_holds_usage_or_cost() -> None:
    names = {column.name for table in metadata.tables.values() for column in table.columns}
    forbidden = ("token", "model", "provider", "cost", "usage")
    assert not [name for name in names if any(word in name for word in forbidden)]


async def test_an_error_of_the_database_holds_nothing_that_was_written(
    workshop: Workshop,
) -> None:
    """It is logged whole where it is a bug of ours."""
    row = {"name": "a.yaml", "text": b"hunter2", "updated_at": datetime.now(UTC)}
    async with workshop.database.write() as connection:
        await connection.execute(insert(metadata.tables["mapping_files"]).values(row))
    with pytest.raises(IntegrityError) as raised:
        async with workshop.database.write() as connection:
            await connection.execute(insert(metadata.tables["mapping_files"]).values(row))
    assert "hunter2" not in str(raised.value)
