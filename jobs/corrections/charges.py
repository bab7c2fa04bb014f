"""Open charges, by the filter that a person corrects them with.

Owns what counts as open: a charge that no line takes back. And what the ids are that a person may
name: of billing events, or of deliveries for all open charges that they posted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.byhand import OpenCharge
from jobs.database import Database
from jobs.filters import between
from jobs.ledger.keybook import chunks
from jobs.schema import billing_events, deliveries, outcomes


class ChargeFilter(BaseModel):
    """Which charges: all given parts must fit; `since` ≤ occurred_at < `until`.

    `recorded_since` and `recorded_until` are of the line, `received_since` and `received_until` of
    the delivery that it was billed by. `rule` is the rule that billed, `ids` are those of billing
    events or deliveries.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    ids: tuple[str, ...] | None = Field(default=None, max_length=10_000)
    source: str | None = None
    rule: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    recorded_since: AwareDatetime | None = None
    recorded_until: AwareDatetime | None = None
    received_since: AwareDatetime | None = None
    received_until: AwareDatetime | None = None
    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None

    def is_empty(self) -> bool:
        """Whether nothing at all was asked for."""
        return not self.model_dump(exclude_none=True)

    def as_json(self) -> dict[str, Any]:
        """The parts that were asked for."""
        return self.model_dump(mode="json", exclude_none=True)

    def where(self) -> ColumnElement[bool]:
        """The condition over `billing_events` with their `outcomes` and `deliveries`."""
        lines = billing_events.c
        parts: list[ColumnElement[bool]] = [lines.kind == "charge"]
        if self.ids is not None:
            parts.append(or_(lines.id.in_(self.ids), lines.delivery_id.in_(self.ids)))
        equal = {
            lines.source: self.source,
            outcomes.c.rule: self.rule,
            lines.agent_id: self.agent,
            lines.customer_id: self.customer,
            lines.indicator: self.indicator,
        }
        parts += [column == wanted for column, wanted in equal.items() if wanted is not None]
        parts += between(lines.occurred_at, self.since, self.until)
        parts += between(lines.recorded_at, self.recorded_since, self.recorded_until)
        parts += between(deliveries.c.received_at, self.received_since, self.received_until)
        return and_(*parts)


@dataclass(slots=True)
class Standing:
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


async def standing(
    database: Database, where: ChargeFilter, *, limit: int | None = None
) -> Standing:
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
    found = Standing()
    async with database.read() as connection:
        for currency, count, units, rest in await connection.execute(sums):
            found.matched += count
            found.amounts_micros[currency] = int(units) * 1_000_000 + int(rest)
        if where.ids is not None:
            found.unchanged = await _closed_keys(connection, where)
    return found


async def _closed_keys(connection: AsyncConnection, where: ChargeFilter) -> int:
    lines = billing_events.c
    still_open = _charges(lines.outcome_key).where(where.where(), _IS_OPEN)
    closed = _charges(func.count(lines.outcome_key.distinct())).where(
        where.where(), lines.outcome_key.not_in(still_open)
    )
    return int(await connection.scalar(closed) or 0)


async def last_open(database: Database, where: ChargeFilter) -> str | None:
    """The id of the open charge that fits and was posted last, if there is one."""
    lines = billing_events.c
    query = _charges(func.max(lines.id)).where(where.where(), _IS_OPEN)
    async with database.read() as connection:
        found: str | None = await connection.scalar(query)
    return found


async def next_open(
    connection: AsyncConnection, where: ChargeFilter, *, after: str, last: str, limit: int
) -> list[OpenCharge]:
    """The next open charges that fit, by id, which is the order they were posted in."""
    lines = billing_events.c
    chosen = (
        _charges(lines.id, lines.outcome_key, lines.delivery_id, outcomes.c.rule)
        .where(where.where(), _IS_OPEN, lines.id > after, lines.id <= last)
        .order_by(lines.id)
        .limit(limit)
    )
    return [OpenCharge(**row) for row in (await connection.execute(chosen)).mappings()]


async def named_wrongly(database: Database, ids: Sequence[str]) -> dict[str, str]:
    """Those of the ids that name no charge and no delivery, each with what is wrong with it."""
    kinds: dict[str, str] = {}
    async with database.read() as connection:
        for chunk in chunks(ids):
            known = select(deliveries.c.id).where(deliveries.c.id.in_(chunk))
            kinds |= dict.fromkeys((await connection.execute(known)).scalars(), "delivery")
            lines = select(billing_events.c.id, billing_events.c.kind)
            found = await connection.execute(lines.where(billing_events.c.id.in_(chunk)))
            kinds |= {row.id: row.kind for row in found}
    return _wrong(kinds, ids)


def _wrong(kinds: Mapping[str, str], ids: Sequence[str]) -> dict[str, str]:
    wrong = {}
    for one in ids:
        if one not in kinds:
            wrong[one] = f"there is no billing event and no delivery {one!r}"
        elif kinds[one] == "reversal":
            wrong[one] = f"billing event {one!r} is a reversal itself; name a charge"
    return wrong


async def deliveries_of(
    connection: AsyncConnection, ids: Sequence[str]
) -> dict[str, Mapping[str, Any]]:
    """The rows of these deliveries, by id."""
    found = await connection.execute(select(deliveries).where(deliveries.c.id.in_(ids)))
    return {row["id"]: dict(row) for row in found.mappings()}
