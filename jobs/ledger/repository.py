"""Loading and writing key books: the database side of `jobs.ledger.owing`.

Owns the order of locks: keys sorted, all locked before any outcome of a key is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, func, insert, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.book import Arrival, Entry, KeyBook, Recorded
from jobs.ledger.owing import Step
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, customers, deliveries, outcome_keys, outcomes
from mappings.engine.types import AmountRule, Kind


async def lock_keys(database: Database, connection: AsyncConnection, keys: Iterable[str]) -> None:
    """Make the rows of these keys where they are missing, and lock them all, in sorted order."""
    for chunk in chunks(sorted(set(keys))):
        await connection.execute(
            database.insert_or_skip(outcome_keys), [{"outcome_key": key} for key in chunk]
        )
        await hold_keys(connection, chunk)


async def hold_keys(connection: AsyncConnection, keys: Sequence[str]) -> set[str]:
    """Lock the rows of those of these keys that there are, in sorted order; which they are."""
    held = await connection.execute(
        select(outcome_keys.c.outcome_key)
        .where(outcome_keys.c.outcome_key.in_(keys))
        .order_by(outcome_keys.c.outcome_key)
        .with_for_update()
    )
    return set(held.scalars())


async def load_books(
    connection: AsyncConnection, keys: Iterable[str], *, said: ColumnElement[bool] | None = None
) -> dict[str, KeyBook]:
    """What decides on these keys; an unknown key gives an empty book.

    Of charges of one time only the first recorded can ever be owed, or a replacement by hand in its
    place, and under `latest` only the last received; reversals and reinstatements of one time act
    alike: copies are counted, not loaded, however many a key has had. With `said` only the outcomes
    are loaded for which that holds, and no lines.
    """
    books = {key: KeyBook(key) for key in keys}
    for chunk in chunks(sorted(books)):
        await _load_outcomes(connection, books, chunk, true() if said is None else said)
        if said is None:
            await _load_lines(connection, books, chunk)
    return books


async def _load_outcomes(
    connection: AsyncConnection,
    books: Mapping[str, KeyBook],
    keys: Sequence[str],
    said: ColumnElement[bool],
) -> None:
    numbered = _numbered(keys, said).subquery()
    found = await connection.execute(
        select(numbered)
        .where(numbered.c.copy == 1)
        .order_by(numbered.c.outcome_key, numbered.c.ordinal)
    )
    for row in found.mappings():
        book = books[row["outcome_key"]]
        book.record(_recorded(row))
        book.last_ordinal = row["last"]


def _numbered(keys: Sequence[str], said: ColumnElement[bool]) -> Select[Any]:
    """The outcomes of these keys: `copy` is 1 for what decides among those of one time.

    What replaces a charge by hand stands where that was received.
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
        .where(columns.outcome_key.in_(keys), said)
    )


async def _load_lines(
    connection: AsyncConnection, books: Mapping[str, KeyBook], keys: Sequence[str]
) -> None:
    lines = await connection.execute(
        select(billing_events)
        .where(billing_events.c.outcome_key.in_(keys))
        .order_by(billing_events.c.outcome_key, billing_events.c.sequence)
    )
    for row in lines.mappings():
        books[row["outcome_key"]].entries.append(_entry(row))


def _recorded(row: Mapping[Any, Any]) -> Recorded:
    kind = Kind(row["kind"])
    is_by_hand = row["action_id"] is not None and kind is not Kind.CHARGE
    received_at = row["recorded_at"] if is_by_hand else row["received_at"] or row["recorded_at"]
    return Recorded(
        id=row["id"],
        ordinal=row["ordinal"],
        kind=kind,
        occurred_at=row["occurred_at"],
        effective_at=row["occurred_at"] or received_at,
        agent_id=row["agent_id"],
        customer_id=row["customer_id"],
        indicator=row["indicator"],
        amount_micros=row["amount_micros"],
        currency=row["currency"],
        source=row["source"],
        delivery_id=row["delivery_id"],
        event_index=row["event_index"],
        mapping_version=row["mapping_version"],
        price_version=row["price_version"],
        meta_tags=row["meta_tags"],
        amount_rule=AmountRule(row["amount_rule"]),
        arrival=Arrival(received_at, row["arrived_in"] or "", row["arrived_at"] or 0),
        replaces=row["replaces"],
        place=row["place"],
        action_id=row["action_id"],
    )


def _entry(row: Mapping[Any, Any]) -> Entry:
    fields = {name: row[name] for name in Entry.__slots__}
    return Entry(**{**fields, "kind": Kind(fields["kind"])})


class LedgerWriter:
    """Collects the rows of a transaction that records outcomes, and writes each table once."""

    def __init__(self, recorded_at: datetime) -> None:
        self._recorded_at = recorded_at
        self._outcomes: list[dict[str, Any]] = []
        self._entries: list[dict[str, Any]] = []

    def add(
        self, key: str, recorded: Recorded, step: Step, *, rule: str, value: Decimal | None = None
    ) -> None:
        self._outcomes.append(
            {
                "id": recorded.id,
                "outcome_key": key,
                "ordinal": recorded.ordinal,
                "delivery_id": recorded.delivery_id,
                "event_index": recorded.event_index,
                "source": recorded.source,
                "rule": rule,
                "kind": recorded.kind.value,
                "agent_id": recorded.agent_id,
                "customer_id": recorded.customer_id,
                "indicator": recorded.indicator,
                "occurred_at": recorded.occurred_at,
                "recorded_at": self._recorded_at,
                "amount_micros": recorded.amount_micros,
                "currency": recorded.currency,
                "value": None if value is None else format(value, "f"),
                "meta_tags": dict(recorded.meta_tags),
                "mapping_version": recorded.mapping_version,
                "price_version": recorded.price_version,
                "verdict": step.verdict.value,
                "billing_event_id": step.billing_event_id,
                "replaces": recorded.replaces,
                "place": recorded.place,
                "action_id": recorded.action_id,
                "amount_rule": recorded.amount_rule.value,
            }
        )
        self._entries.extend(self._line(key, entry) for entry in step.entries)

    def _line(self, key: str, entry: Entry) -> dict[str, Any]:
        line = {name: getattr(entry, name) for name in Entry.__slots__}
        return {
            **line,
            "kind": entry.kind.value,
            "meta_tags": dict(entry.meta_tags),
            "outcome_key": key,
            "recorded_at": self._recorded_at,
        }

    async def write(self, database: Database, connection: AsyncConnection) -> None:
        """Customers in sorted order, then outcomes, then the lines of each key in its order."""
        self._entries.sort(key=itemgetter("outcome_key", "sequence"))
        billed = sorted({line["customer_id"] for line in self._entries})
        if billed:
            await connection.execute(
                database.insert_or_skip(customers),
                [{"id": customer, "first_billed_at": self._recorded_at} for customer in billed],
            )
        if self._outcomes:
            await connection.execute(insert(outcomes), self._outcomes)
        if self._entries:
            await connection.execute(insert(billing_events), self._entries)
