"""Locking keys and loading their books: the database side of `jobs.ledger.owing`.

Owns the order of locks: keys sorted, all locked before any outcome of a key is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.book import KeyBook
from jobs.ledger.records import Arrival, Recorded, entry_of, recorded_of
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, deliveries, outcome_keys, outcomes
from mappings.engine.types import AmountRule, Kind

_reversal = billing_events.alias("reversal")
#: Whether no line takes this line of `billing_events` back.
IS_OPEN = ~select(_reversal.c.id).where(_reversal.c.reverses == billing_events.c.id).exists()


async def lock_keys(database: Database, connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Insert the rows of these keys where missing, and lock all of them, in sorted order."""
    for chunk in chunks(sorted(set(keys))):
        await connection.execute(
            database.insert_or_skip(outcome_keys), [{"outcome_key": key} for key in chunk]
        )
        await hold_keys(connection, chunk)


async def hold_keys(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    """Lock the rows of these keys, in sorted order; return the keys that have one."""
    rows = await connection.execute(
        select(outcome_keys.c.outcome_key)
        .where(outcome_keys.c.outcome_key.in_(keys))
        .order_by(outcome_keys.c.outcome_key)
        .with_for_update()
    )
    return set(rows.scalars())


async def load_books(
    connection: AsyncConnection, keys: Iterable[str], *, where: ColumnElement[bool] | None = None
) -> dict[str, KeyBook]:
    """The books of these keys, as far as they decide; an unknown key has an empty one.

    Of charges of one time only the first recorded can ever be owed, or a replacement by hand in its
    place, and under `latest` only the last received; reversals and reinstatements of one time act
    alike. So copies are counted and not loaded, whatever their number. With `where` only outcomes
    that satisfy it are loaded, and no lines.
    """
    books = {key: KeyBook(key) for key in keys}
    for chunk in chunks(sorted(books)):
        await _load_outcomes(connection, books, chunk, true() if where is None else where)
        if where is None:
            await _load_entries(connection, books, chunk)
    return books


async def _load_outcomes(
    connection: AsyncConnection,
    books: Mapping[str, KeyBook],
    keys: Sequence[str],
    where: ColumnElement[bool],
) -> None:
    numbered = _numbered(keys, where).subquery()
    rows = await connection.execute(
        select(numbered)
        .where(numbered.c.copy == 1)
        .order_by(numbered.c.outcome_key, numbered.c.ordinal)
    )
    for row in rows.mappings():
        book = books[row["outcome_key"]]
        book.record(_recorded(row))
        book.last_ordinal = row["last"]


def _numbered(keys: Sequence[str], where: ColumnElement[bool]) -> Select[Any]:
    """The outcomes of these keys: `copy` is 1 for what decides among those of one time.

    What replaces a charge by hand has the arrival of that charge.
    """
    columns, original, received = outcomes.c, outcomes.alias("original"), deliveries.alias()
    delivery_id = func.coalesce(original.c.delivery_id, columns.delivery_id)
    event_index = func.coalesce(original.c.event_index, columns.event_index)
    by_hand = case((and_(columns.action_id.is_not(None), columns.kind != "charge"), columns.id))
    alike = (columns.outcome_key, columns.kind, columns.occurred_at, columns.amount_rule, by_hand)
    is_latest = columns.amount_rule == AmountRule.LATEST.value
    decisive = (
        case((is_latest, received.c.received_at)).desc(),
        case((is_latest, delivery_id)).desc(),
        case((is_latest, event_index)).desc(),
        func.coalesce(columns.place, columns.ordinal),
        columns.ordinal.desc(),
    )
    return (
        select(
            outcomes,
            received.c.received_at,
            delivery_id.label("arrived_in"),
            event_index.label("arrived_at"),
            func.row_number().over(partition_by=alike, order_by=decisive).label("copy"),
            func.max(columns.ordinal).over(partition_by=columns.outcome_key).label("last"),
        )
        .join_from(
            outcomes,
            original,
            and_(
                original.c.outcome_key == columns.outcome_key, original.c.ordinal == columns.place
            ),
            isouter=True,
        )
        .join(received, received.c.id == delivery_id, isouter=True)
        .where(columns.outcome_key.in_(keys), where)
    )


async def _load_entries(
    connection: AsyncConnection, books: Mapping[str, KeyBook], keys: Sequence[str]
) -> None:
    rows = await connection.execute(
        select(billing_events)
        .where(billing_events.c.outcome_key.in_(keys))
        .order_by(billing_events.c.outcome_key, billing_events.c.sequence)
    )
    for row in rows.mappings():
        books[row["outcome_key"]].entries.append(entry_of(row))


def _recorded(row: Mapping[Any, Any]) -> Recorded:
    is_by_hand = row["action_id"] is not None and row["kind"] != Kind.CHARGE
    received_at = row["recorded_at"] if is_by_hand else row["received_at"] or row["recorded_at"]
    arrival = Arrival(received_at, row["arrived_in"] or "", row["arrived_at"] or 0)
    return recorded_of(row, received_at=received_at, arrival=arrival)
