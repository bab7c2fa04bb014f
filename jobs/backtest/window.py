"""Which stored deliveries edited mappings are held against: the last so many, or so long.

Owns the words for it, and the two ends, fixed when it begins: what comes in meanwhile is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, outcomes

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
#: No delivery is older.
LONGEST = timedelta(days=36_500)

_HERE = tuple_(deliveries.c.received_at, deliveries.c.id)


@dataclass(frozen=True, slots=True)
class Window:
    """`text` as it was written; either an age or a number of deliveries."""

    text: str
    age: timedelta | None
    count: int | None


class Position(NamedTuple):
    """Where a delivery stands in the order received."""

    received_at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Span:
    """The deliveries from the first to the last, both included, and how many there are."""

    first: Position
    last: Position
    deliveries: int


def parse_window(text: str) -> Window:
    """`7d`, `24h`, `90m`, `2w`, or a number of deliveries. Raises FilterInvalid."""
    wrong = FilterInvalid(
        f"against is {text[:80]!r}; write how far back, such as 7d, 24h or 30m,"
        " or how many deliveries, such as 500"
    )
    found = re.fullmatch(r"([0-9]{1,9})([mhdw]?)", text)
    if found is None or int(found[1]) == 0:
        raise wrong
    if not found[2]:
        return Window(text, None, int(found[1]))
    if int(found[1]) > LONGEST // _UNITS[found[2]]:
        raise wrong
    return Window(text, int(found[1]) * _UNITS[found[2]], None)


async def span_of(database: Database, window: Window) -> Span | None:
    """The deliveries of the window as of now; None where there are none."""
    columns = deliveries.c
    newest = select(columns.received_at, columns.id).order_by(
        columns.received_at.desc(), columns.id.desc()
    )
    async with database.snapshot() as connection:
        last = (await connection.execute(newest.limit(1))).one_or_none()
        if last is None:
            return None
        first = await _first(connection, window)
        if first is None:
            return None
        counted = select(func.count()).where(_at(first) <= _HERE, _at(Position(*last)) >= _HERE)
        total = await connection.scalar(counted.select_from(deliveries))
    return Span(first, Position(*last), int(total or 0))


async def _first(connection: AsyncConnection, window: Window) -> Position | None:
    columns = deliveries.c
    query = select(columns.received_at, columns.id)
    if window.age is not None:
        since = datetime.now(UTC) - window.age
        query = query.where(columns.received_at >= since).order_by(columns.received_at, columns.id)
    else:
        some = query.order_by(columns.received_at.desc(), columns.id.desc()).limit(window.count)
        kept = some.subquery()
        query = select(kept).order_by(kept.c.received_at, kept.c.id)
    found = (await connection.execute(query.limit(1))).one_or_none()
    return None if found is None else Position(*found)


async def next_deliveries(
    connection: AsyncConnection, span: Span, *, after: Position | None, limit: int
) -> Sequence[RowMapping]:
    """The next of the span, in the order received."""
    begin = _at(span.first) <= _HERE if after is None else _at(after) < _HERE
    found = await connection.execute(
        select(deliveries)
        .where(begin, _at(span.last) >= _HERE)
        .order_by(deliveries.c.received_at, deliveries.c.id)
        .limit(limit)
    )
    return found.mappings().all()


def recorded_before(span: Span) -> ColumnElement[bool]:
    """The condition that an outcome is of an earlier delivery, or a reversal by hand."""
    earlier = and_(deliveries.c.id == outcomes.c.delivery_id, _at(span.first) > _HERE)
    return or_(outcomes.c.delivery_id.is_(None), select(deliveries.c.id).where(earlier).exists())


def _at(place: Position) -> ColumnElement[tuple[datetime, str]]:
    return tuple_(literal(place.received_at, UtcDateTime), literal(place.id))
