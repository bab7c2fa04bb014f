"""Deliveries: a page of them, and one with all its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime
from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.filters import DeliveryFilter
from jobs.queries.paging import DEFAULT_LIMIT, clamp, read_position, write_position
from jobs.queries.shape import Page, Shape
from jobs.storage.batching import chunks
from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, outcomes


class DeliveryFields(Shape):
    """What a list and a single delivery have in common."""

    id: str
    source: str
    state: str
    reason: str | None
    detail: str | None
    rule: str | None
    attempts: int
    duplicates: int
    received_at: AwareDatetime
    settled_at: AwareDatetime | None


class DeliveryItem(DeliveryFields):
    """A delivery in a list; `outcomes` is their number."""

    outcomes: int


_LIST = "deliveries"
_FIELDS = tuple(deliveries.c[name] for name in DeliveryFields.model_fields)


async def list_deliveries(
    database: Database,
    where: DeliveryFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[DeliveryItem]:
    """The newest deliveries that fit, after `cursor` if given; raises FilterInvalid."""
    limit = clamp(limit)
    columns = deliveries.c
    query = select(*_FIELDS).where(where.where())
    if cursor is not None:
        at, row_id = read_position(_LIST, cursor)
        here = tuple_(literal(at, UtcDateTime), literal(row_id))
        query = query.where(tuple_(columns.received_at, columns.id) < here)
    query = query.order_by(columns.received_at.desc(), columns.id.desc()).limit(limit + 1)
    async with database.snapshot() as connection:
        rows = (await connection.execute(query)).mappings().all()
        numbers = await _numbers_of_outcomes(connection, [row["id"] for row in rows[:limit]])
    items = tuple(
        DeliveryItem.model_validate({**row, "outcomes": numbers.get(row["id"], 0)})
        for row in rows[:limit]
    )
    more = len(rows) > limit
    after = write_position(_LIST, items[-1].received_at, items[-1].id) if more else None
    return Page(items=items, next=after)


async def _numbers_of_outcomes(connection: AsyncConnection, ids: list[str]) -> dict[str, int]:
    of = outcomes.c.delivery_id
    said = outcomes.c.action_id.is_(None)
    counted = select(of, func.count()).where(of.in_(ids), said).group_by(of)
    return {row[0]: row[1] for row in await connection.execute(counted)}


async def count_deliveries(database: Database, where: DeliveryFilter) -> int:
    """How many deliveries fit."""
    query = select(func.count()).select_from(deliveries).where(where.where())
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def unknown_ids(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of the ids that no delivery has, in their order."""
    found: set[str] = set()
    async with database.read() as connection:
        for chunk in chunks(ids):
            known = await connection.execute(
                select(deliveries.c.id).where(deliveries.c.id.in_(chunk))
            )
            found.update(known.scalars())
    return [one for one in ids if one not in found]
