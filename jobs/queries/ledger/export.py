"""The ledger forwards: for exports that miss no line and repeat none.

Owns the cursor: the place of the last line read. Only lines before the horizon are given, whose
order is final, so that what commits later comes later.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.horizon import read_horizon
from jobs.queries.ledger.billing_events import (
    BillingEventPage,
    BillingFilter,
    billing_item,
    billing_lines,
)
from jobs.queries.paging import DEFAULT_LIMIT, clamp, read_position, write_position
from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import billing_events

_LIST = "exported billing events"
#: Before the first line.
_START = (datetime(1970, 1, 1, tzinfo=UTC), "")

_columns = billing_events.c
_PLACE = tuple_(_columns.recorded_at, _columns.id)


async def read_forward(
    database: Database, where: BillingFilter, *, after: str, limit: int = DEFAULT_LIMIT
) -> BillingEventPage:
    """The next lines that fit behind the cursor `after`, oldest first; empty: from the first.

    `next` is always a cursor to go on from, at once or later. Raises FilterInvalid and
    ReplicaCannotTell.
    """
    limit = clamp(limit)
    place = read_position(_LIST, after) if after else _START
    horizon = await read_horizon(database)
    is_new = tuple_(literal(place[0], UtcDateTime), literal(place[1])) < _PLACE
    query = (
        billing_lines()
        .where(where.where(), is_new, _columns.recorded_at < horizon)
        .order_by(_columns.recorded_at, _columns.id)
        .limit(limit)
    )
    async with database.read() as connection:
        items = tuple(billing_item(row) for row in (await connection.execute(query)).mappings())
        if len(items) == limit:
            place = (items[-1].recorded_at, items[-1].id)
        else:
            place = max(place, await _last_before(connection, horizon))
    following = write_position(_LIST, *place)
    return BillingEventPage(items=items, next=following, complete_until=horizon)


async def _last_before(connection: AsyncConnection, horizon: datetime) -> tuple[datetime, str]:
    """The place of the last complete line, which fits or not: it need not be looked at again."""
    query = (
        select(_columns.recorded_at, _columns.id)
        .where(_columns.recorded_at < horizon)
        .order_by(_columns.recorded_at.desc(), _columns.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _START if row is None else (row[0], row[1])
