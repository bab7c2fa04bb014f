"""Open charges, by the filter of a correction.

Owns what counts as open: a charge that no line takes back. And which ids a person may name: those
of billing events, those of deliveries for all open charges that they posted, or outcome keys.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.manual import OpenCharge
from jobs.filters import ChargeFilter
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, deliveries, outcome_keys, outcomes


@dataclass(slots=True)
class OpenChargeSummary:
    """How many charges fit and are open, their sums, and how many keys named have none open."""

    matched: int = 0
    unchanged: int = 0
    amounts_micros: Counter[str] = field(default_factory=Counter)


_TAKING_BACK = billing_events.alias("taking_back")
_IS_OPEN = ~select(_TAKING_BACK.c.id).where(_TAKING_BACK.c.reverses == billing_events.c.id).exists()


def _charges(*wanted: Any) -> Select[Any]:
    lines = billing_events.c
    return select(*wanted).select_from(
        billing_events.join(outcomes, outcomes.c.id == lines.outcome_id).join(
            deliveries, deliveries.c.id == lines.delivery_id
        )
    )


def _closed(where: ChargeFilter, *wanted: Any) -> Select[Any]:
    """Charges that fit, of keys of which none that fits is open."""
    still_open = _charges(billing_events.c.outcome_key).where(where.where(), _IS_OPEN)
    return _charges(*wanted).where(where.where(), billing_events.c.outcome_key.not_in(still_open))


async def open_charge_summary(
    database: Database, where: ChargeFilter, *, limit: int | None = None
) -> OpenChargeSummary:
    """The open charges that fit, counted and summed, at most `limit` of them.

    `unchanged` are the keys of those named by id that were taken back already.
    """
    lines = billing_events.c
    chosen = _charges(lines.amount_micros, lines.currency).where(where.where(), _IS_OPEN)
    some = chosen.order_by(lines.id).limit(limit).subquery()
    sums = select(
        some.c.currency,
        func.count(),
        # In two parts, each far from 2^63: SQLite refuses a sum beyond it.
        func.sum(some.c.amount_micros // 1_000_000),
        func.sum(some.c.amount_micros % 1_000_000),
    ).group_by(some.c.currency)
    found = OpenChargeSummary()
    async with database.read() as connection:
        for currency, count, units, rest in await connection.execute(sums):
            found.matched += count
            found.amounts_micros[currency] = int(units) * 1_000_000 + int(rest)
        if where.ids is not None:
            closed = _closed(where, func.count(lines.outcome_key.distinct()))
            found.unchanged = int(await connection.scalar(closed) or 0)
    return found


async def closed_charges(database: Database, where: ChargeFilter) -> list[OpenCharge]:
    """The charges named by id that are already taken back, the last one of each key."""
    if where.ids is None:
        return []
    columns = (*_OF_CHARGE, billing_events.c.sequence)
    async with database.read() as connection:
        found = await connection.execute(_closed(where, *columns).order_by(columns[-1]))
        last = {row.outcome_key: row for row in found}
    names = [column.name for column in _OF_CHARGE]
    return [OpenCharge(**{name: getattr(row, name) for name in names}) for row in last.values()]


async def last_open(database: Database, where: ChargeFilter) -> str | None:
    """The id of the open charge that fits and was posted last, if there is one."""
    lines = billing_events.c
    query = _charges(func.max(lines.id)).where(where.where(), _IS_OPEN)
    async with database.read() as connection:
        found: str | None = await connection.scalar(query)
    return found


_OF_CHARGE = (
    billing_events.c.id,
    billing_events.c.outcome_key,
    billing_events.c.delivery_id,
    outcomes.c.rule,
)


async def next_open(
    connection: AsyncConnection, where: ChargeFilter, *, after: str, last: str, limit: int
) -> list[OpenCharge]:
    """The next open charges that fit, by id, which is the order they were posted in."""
    lines = billing_events.c
    chosen = (
        _charges(*_OF_CHARGE)
        .where(where.where(), _IS_OPEN, lines.id > after, lines.id <= last)
        .order_by(lines.id)
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
    return _wrong(kinds, ids)


async def _kinds_of(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, str]:
    """What each of these ids is: a delivery, an outcome key, or a line of some kind."""
    kinds: dict[str, str] = {}
    for what, column in (("delivery", deliveries.c.id), ("key", outcome_keys.c.outcome_key)):
        known = await connection.scalars(select(column).where(column.in_(ids)))
        kinds |= dict.fromkeys(known, what)
    lines = select(billing_events.c.id, billing_events.c.kind)
    found = await connection.execute(lines.where(billing_events.c.id.in_(ids)))
    return kinds | {row.id: row.kind for row in found}


def _wrong(kinds: Mapping[str, str], ids: Sequence[str]) -> dict[str, WrongId]:
    wrong = {}
    for one in ids:
        if one not in kinds:
            reason = f"there is no billing event, delivery or outcome key {one!r}"
            wrong[one] = WrongId(reason, is_known=False)
        elif kinds[one] == "reversal":
            reason = f"billing event {one!r} is a reversal itself; name a charge to take back, or"
            reason += f" bring its charge back with `receiver reinstate {one}`"
            wrong[one] = WrongId(reason, is_known=True)
    return wrong


async def deliveries_of(
    connection: AsyncConnection, ids: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The rows of these deliveries, by id."""
    found = await connection.execute(select(deliveries).where(deliveries.c.id.in_(ids)))
    return {row["id"]: dict(row) for row in found.mappings()}
