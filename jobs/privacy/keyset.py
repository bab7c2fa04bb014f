"""Walking over all deliveries in the order they came, a page at a time.

Owns the cursor: each page is one short read along (received_at, id), however large the table is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, literal, select, tuple_
from sqlalchemy.engine import RowMapping

from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import deliveries


@dataclass(frozen=True, slots=True)
class Place:
    """Where a walk is: at this delivery, which is behind it."""

    received_at: datetime
    id: str


async def next_page(
    database: Database,
    after: Place | None,
    *more: ColumnElement[Any],
    size: int,
    before: ColumnElement[Any] | None = None,
) -> Sequence[RowMapping]:
    """The next deliveries with id, received_at, state, evidence and what else is named."""
    columns = deliveries.c
    query = select(columns.id, columns.received_at, columns.state, columns.evidence, *more)
    if before is not None:
        query = query.where(columns.received_at < before)
    if after is not None:
        here = tuple_(literal(after.received_at, UtcDateTime), literal(after.id))
        query = query.where(tuple_(columns.received_at, columns.id) > here)
    query = query.order_by(columns.received_at, columns.id).limit(size)
    async with database.read() as connection:
        return (await connection.execute(query)).mappings().all()


def place_of(row: RowMapping) -> Place:
    """Behind this row."""
    return Place(row["received_at"], row["id"])
