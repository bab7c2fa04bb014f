"""What a purge may change of what is written once, tried by hand: little; without it nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import Table, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.filters import DeliveryFilter
from jobs.replays.replay import discard
from jobs.storage.schema import actions, billing_events, outcomes
from tests.jobs.doubles import bill, body, undo
from tests.jobs.workshop import Workshop

KEY = '["crm","resolved","acme"]'
STAND_IN = "purged-0123"
NEW_KEY = f'["crm","resolved","{STAND_IN}"]'
OF_LEDGER = {
    "customer_id": f"'{STAND_IN}'",
    "outcome_key": f"'{NEW_KEY}'",
    "meta_tags": "'{}'",
}
OF_ACTIONS = {"filter": "'{}'", "note": "'gone'", "detail": "'{}'"}


@pytest.fixture
async def billed(workshop: Workshop) -> Workshop:
    """A key that was charged and reversed, and something that was discarded."""
    ids = await workshop.post(body(bill(KEY)), body(undo(KEY)), body())
    await (await workshop.settler()).settle(ids)
    await discard(workshop.database, DeliveryFilter(ids=(ids[2],)), actor="me", note="test")
    await workshop.run("INSERT INTO outcome_keys (outcome_key) VALUES (:key)", key=NEW_KEY)
    return workshop


@asynccontextmanager
async def guarded(workshop: Workshop) -> AsyncIterator[AsyncConnection]:
    """A transaction in which a purge's guard stands; it is taken away before the commit."""
    async with workshop.database.write() as connection:
        await connection.execute(
            text("INSERT INTO purge_guard (id, pseudonym, must_go) VALUES (1, :one, 0)"),
            {"one": STAND_IN},
        )
        yield connection
        await connection.execute(text("DELETE FROM purge_guard"))


def permitted(table: Table) -> dict[str, str]:
    return OF_ACTIONS if table is actions else OF_LEDGER


def forbidden() -> list[tuple[Table, str]]:
    """Every column that a purge may not change, those included that are yet to come."""
    return [
        (table, column.name)
        for table in (billing_events, outcomes, actions)
        for column in table.columns
        if column.name not in permitted(table)
    ]


@pytest.mark.parametrize("table", [billing_events, outcomes, actions], ids=str)
async def test_without_a_purge_none_of_it_can_be_changed(billed: Workshop, table: Table) -> None:
    for column, value in permitted(table).items():
        with pytest.raises(DBAPIError, match=f"{table} is append only"):
            await billed.run(f"UPDATE {table} SET {column} = {value}")  # noqa: S608 - from above


@pytest.mark.parametrize("table", [billing_events, outcomes, actions], ids=str)
async def test_within_a_purge_that_much_can_be_changed(billed: Workshop, table: Table) -> None:
    change = ", ".join(f"{column} = {value}" for column, value in permitted(table).items())
    where = "" if table is actions else "WHERE kind = 'charge'"
    async with guarded(billed) as connection:
        done = await connection.execute(text(f"UPDATE {table} SET {change} {where}"))  # noqa: S608 - from above
    assert done.rowcount == 1
    with pytest.raises(DBAPIError, match=f"{table} is append only"):
        await billed.run(f"UPDATE {table} SET {change}")  # noqa: S608 - from above


@pytest.mark.parametrize(("table", "column"), forbidden(), ids=str)
async def test_within_a_purge_nothing_else_can_be_changed(
    billed: Workshop, table: Table, column: str
) -> None:
    """From nothing to something too, and back: each column gets a value that it does not have."""
    (row,) = (await billed.all(table.select().limit(1)))[:1]
    value = OTHER_VALUES.get(column, "'other'") if row._mapping[column] is None else "NULL"
    with pytest.raises(DBAPIError, match=f"{table} is append only"):
        async with guarded(billed) as connection:
            await connection.execute(
                text(f"UPDATE {table} SET {column} = {value} WHERE id = :id"),  # noqa: S608 - from above
                {"id": row.id},
            )


OTHER_VALUES = {
    "occurred_at": "'2026-01-01 00:00:00'",
    "place": "7",
    "event_index": "7",
    "amount_micros": "7",
}

IMPOSSIBLE = {
    "another customer": "customer_id = 'globex'",
    "another key": 'outcome_key = \'["crm","resolved","globex"]\'',
    "other tags": 'meta_tags = \'{"mail": "x"}\'',
}


@pytest.mark.parametrize("change", IMPOSSIBLE.values(), ids=IMPOSSIBLE.keys())
@pytest.mark.parametrize("table", [billing_events, outcomes], ids=str)
async def test_within_a_purge_nothing_changes_but_into_the_pseudonym(
    billed: Workshop, table: Table, change: str
) -> None:
    with pytest.raises(DBAPIError, match=f"{table} is append only"):
        async with guarded(billed) as connection:
            await connection.execute(text(f"UPDATE {table} SET {change} WHERE kind = 'charge'"))  # noqa: S608 - from above


@pytest.mark.parametrize("table", [billing_events, outcomes, actions], ids=str)
async def test_within_a_purge_nothing_can_be_deleted(billed: Workshop, table: Table) -> None:
    with pytest.raises(DBAPIError, match=f"{table} is append only"):
        async with guarded(billed) as connection:
            await connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - from above


async def test_the_guard_of_a_purge_cannot_be_committed(billed: Workshop) -> None:
    with pytest.raises(IntegrityError):
        await billed.run("INSERT INTO purge_guard (id, pseudonym, must_go) VALUES (1, 'x', 0)")
    with pytest.raises(IntegrityError):
        await billed.run("INSERT INTO purge_guard (id, pseudonym, must_go) VALUES (0, 'x', 0)")
    assert await billed.all(text("SELECT * FROM purge_guard")) == []  # type: ignore[arg-type] # a plain question


@pytest.mark.parametrize("state", ["received", "failed"])
async def test_what_is_still_to_be_settled_cannot_lose_its_body(
    workshop: Workshop, state: str
) -> None:
    (one,) = await workshop.post(body())
    for change in (
        f"state = '{state}', body = NULL, evidence = 'expired'",
        "state = 'ignored', evidence = 'expired'",
    ):
        with pytest.raises(IntegrityError):
            await workshop.run(f"UPDATE deliveries SET {change}")  # noqa: S608 - from above
    await workshop.run("UPDATE deliveries SET state='ignored', body=NULL, evidence='expired'")
    with pytest.raises(IntegrityError):
        await workshop.run(f"UPDATE deliveries SET state = '{state}'")  # noqa: S608 - from above
    assert (await workshop.delivery(one)).state == "ignored"
