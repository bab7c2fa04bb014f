"""Charges, by the filter of a correction or by the ids that a person names.

Owns what may be named: to take charges back, the ids of billing events, those of deliveries for all
open charges that they posted, or outcome keys; to bring back what was taken back, the reversal and
the entry in `actions` too. `IS_OPEN` decides what is open.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Result, Select, func, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.manual import OpenCharge
from jobs.filters import ChargeFilter
from jobs.ledger.repository import IS_OPEN
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import actions, billing_events, deliveries, outcome_keys, outcomes

_LINES = billing_events.c
#: The columns of an open charge.
_OF_CHARGE = (_LINES.id, _LINES.outcome_key, _LINES.delivery_id, outcomes.c.rule)

#: Why an id names nothing to bring back.
NAMES_NOTHING = "there is no billing event, delivery, outcome key or reversal by hand {!r}"

#: The lines that were named of each key; none where the key was named as a whole.
Named = Mapping[str, set[str]]


@dataclass(slots=True)
class OpenChargeSummary:
    """How many charges fit and are open, their sums, and how many keys named have none open."""

    matched: int = 0
    unchanged: int = 0
    amounts_micros: Counter[str] = field(default_factory=Counter)


def _charges(*wanted: Any) -> Select[Any]:
    return select(*wanted).select_from(
        billing_events.join(outcomes, outcomes.c.id == _LINES.outcome_id).join(
            deliveries, deliveries.c.id == _LINES.delivery_id
        )
    )


def _closed(where: ChargeFilter, *wanted: Any) -> Select[Any]:
    """Charges that fit, of keys of which none that fits is open."""
    still_open = _charges(_LINES.outcome_key).where(where.where(), IS_OPEN)
    return _charges(*wanted).where(where.where(), _LINES.outcome_key.not_in(still_open))


async def open_charge_summary(
    database: Database, where: ChargeFilter, *, limit: int | None = None
) -> OpenChargeSummary:
    """The open charges that fit, counted and summed, at most `limit` of them.

    `unchanged` are the keys of those named by id that were taken back already.
    """
    chosen = _charges(_LINES.amount_micros, _LINES.currency).where(where.where(), IS_OPEN)
    some = chosen.order_by(_LINES.id).limit(limit).subquery()
    sums = select(
        some.c.currency,
        func.count(),
        # In two parts, each far from 2^63: SQLite refuses a sum beyond it.
        func.sum(some.c.amount_micros // 1_000_000),
        func.sum(some.c.amount_micros % 1_000_000),
    ).group_by(some.c.currency)
    summary = OpenChargeSummary()
    async with database.read() as connection:
        for currency, count, units, rest in await connection.execute(sums):
            summary.matched += count
            summary.amounts_micros[currency] = int(units) * 1_000_000 + int(rest)
        if where.ids is not None:
            closed = _closed(where, func.count(_LINES.outcome_key.distinct()))
            summary.unchanged = int(await connection.scalar(closed) or 0)
    return summary


async def closed_charges(database: Database, where: ChargeFilter) -> list[OpenCharge]:
    """The charges named by id that are already taken back, the last one of each key."""
    if where.ids is None:
        return []
    async with database.read() as connection:
        rows = await connection.execute(_closed(where, *_OF_CHARGE).order_by(_LINES.sequence))
    return _last_of_each_key(rows)


async def last_charges(connection: AsyncConnection, keys: Sequence[str]) -> list[OpenCharge]:
    """The last charge of each of these keys, open or not, in the order of the keys."""
    rows = await connection.execute(
        select(*_OF_CHARGE)
        .join(outcomes, outcomes.c.id == _LINES.outcome_id)
        .where(_LINES.outcome_key.in_(keys), _LINES.kind == "charge")
        .order_by(_LINES.outcome_key, _LINES.sequence)
    )
    return _last_of_each_key(rows)


def _last_of_each_key(rows: Result[Any]) -> list[OpenCharge]:
    last = {row["outcome_key"]: OpenCharge(**row) for row in rows.mappings()}
    return list(last.values())


async def last_open(database: Database, where: ChargeFilter) -> str | None:
    """The id of the open charge that fits and was posted last, if there is one."""
    query = _charges(func.max(_LINES.id)).where(where.where(), IS_OPEN)
    async with database.read() as connection:
        last: str | None = await connection.scalar(query)
    return last


async def next_open(
    connection: AsyncConnection, where: ChargeFilter, *, after: str, last: str, limit: int
) -> list[OpenCharge]:
    """The next open charges that fit, by id, which is the order they were posted in."""
    chosen = (
        _charges(*_OF_CHARGE)
        .where(where.where(), IS_OPEN, _LINES.id > after, _LINES.id <= last)
        .order_by(_LINES.id)
        .limit(limit)
    )
    return [OpenCharge(**row) for row in (await connection.execute(chosen)).mappings()]


@dataclass(frozen=True, slots=True)
class WrongId:
    """Why an id is no charge; `is_known` where it names something else."""

    reason: str
    is_known: bool


async def named_wrongly(database: Database, ids: Sequence[str]) -> dict[str, WrongId]:
    """Those of the ids that name no charge, delivery or key, each with the reason."""
    kinds: dict[str, str] = {}
    async with database.read() as connection:
        for chunk in chunks(ids):
            kinds |= await _kinds_of(connection, chunk)
    wrong = {}
    for name in ids:
        if name not in kinds:
            reason = f"there is no billing event, delivery or outcome key {name!r}"
            wrong[name] = WrongId(reason, is_known=False)
        elif kinds[name] == "reversal":
            reason = f"billing event {name!r} is a reversal itself; name a charge to take back, or"
            reason += f" bring its charge back with `receiver reinstate {name}`"
            wrong[name] = WrongId(reason, is_known=True)
    return wrong


async def _kinds_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """What each of these ids is: a delivery, an outcome key, or a line of some kind."""
    kinds: dict[str, str] = {}
    for what, column in (("delivery", deliveries.c.id), ("key", outcome_keys.c.outcome_key)):
        known = await connection.scalars(select(column).where(column.in_(ids)))
        kinds |= dict.fromkeys(known, what)
    rows = await connection.execute(select(_LINES.id, _LINES.kind).where(_LINES.id.in_(ids)))
    return kinds | {row.id: row.kind for row in rows}


async def deliveries_of(
    connection: AsyncConnection, ids: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The rows of these deliveries, by id."""
    rows = await connection.execute(select(deliveries).where(deliveries.c.id.in_(ids)))
    return {row["id"]: dict(row) for row in rows.mappings()}


async def find_named(database: Database, ids: Sequence[str]) -> tuple[Named, list[str]]:
    """What these ids name, by outcome key, and those of the ids that name nothing."""
    named: dict[str, set[str]] = defaultdict(set)
    known: set[str] = set()
    async with database.read() as connection:
        for chunk in chunks(ids):
            for name, key, line in await _named_among(connection, chunk):
                known.add(name)
                named[key].update([] if line is None else [line])
    return dict(named), [name for name in ids if name not in known]


async def _named_among(
    connection: AsyncConnection, ids: Sequence[str]
) -> list[tuple[str, str, str | None]]:
    """Each of the ids with a key that it names, and the line where it names one."""
    run: ColumnElement[str] = actions.c.detail["run"].as_string()
    of_delivery = (_LINES.delivery_id.in_(ids), _LINES.kind == "charge")
    columns = outcomes.c
    named: list[tuple[str, str, str | None]] = []
    for query in (
        select(_LINES.id, _LINES.outcome_key, _LINES.id).where(_LINES.id.in_(ids)),
        select(_LINES.delivery_id, _LINES.outcome_key, null()).where(*of_delivery),
        select(_LINES.outcome_key, _LINES.outcome_key, null()).where(_LINES.outcome_key.in_(ids)),
        *(
            select(name, columns.outcome_key, columns.billing_event_id)
            .join_from(actions, outcomes, columns.action_id == actions.c.id)
            .where(
                name.in_(ids), actions.c.kind == "reverse", columns.billing_event_id.is_not(None)
            )
            for name in (actions.c.id, run)
        ),
    ):
        rows = await connection.execute(query.distinct())
        named += [(name, key, line) for name, key, line in rows]
    return named
