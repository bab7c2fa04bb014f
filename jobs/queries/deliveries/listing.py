"""Deliveries: a page of them, and one with all its evidence."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import AwareDatetime
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.filters import DeliveryFilter
from jobs.queries.shape import Page, Shape
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, DELIVERIES
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


_FIELDS = tuple(deliveries.c[name] for name in DeliveryFields.model_fields)


async def list_deliveries(
    database: Database,
    where: DeliveryFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[DeliveryItem]:
    """The newest deliveries that fit, after `cursor` if given; raises FilterInvalid."""
    query = select(*_FIELDS).where(where.where())
    async with database.snapshot() as connection:
        rows, following = await DELIVERIES.page(connection, query, limit=limit, cursor=cursor)
        counts = await _outcome_counts(connection, [row["id"] for row in rows])
    items = [
        DeliveryItem.model_validate({**row, "outcomes": counts.get(row["id"], 0)}) for row in rows
    ]
    return Page(items=tuple(items), next=following)


async def _outcome_counts(connection: AsyncConnection, ids: list[str]) -> dict[str, int]:
    of = outcomes.c.delivery_id
    automatic = outcomes.c.action_id.is_(None)
    counted = select(of, func.count()).where(of.in_(ids), automatic).group_by(of)
    return {row[0]: row[1] for row in await connection.execute(counted)}


async def count_deliveries(database: Database, where: DeliveryFilter) -> int:
    """How many deliveries fit."""
    query = select(func.count()).select_from(deliveries).where(where.where())
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def unknown_ids(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of the ids that no delivery has, in their order."""
    known_ids: set[str] = set()
    async with database.read() as connection:
        for chunk in chunks(ids):
            of_chunk = select(deliveries.c.id).where(deliveries.c.id.in_(chunk))
            known_ids.update(await connection.scalars(of_chunk))
    return [delivery_id for delivery_id in ids if delivery_id not in known_ids]
