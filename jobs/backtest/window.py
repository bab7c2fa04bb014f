"""Which stored deliveries edited mappings are held against: the last so many, or so long.

Owns the words for it, and the two ends, fixed when it begins: what comes in meanwhile is not in it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.storage.database import Database
from jobs.storage.keyset import DELIVERIES, Position, bound
from jobs.storage.schema import deliveries, outcomes

_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
#: No delivery is older.
LONGEST = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Window:
    """`text` as it was written; either an age or a number of deliveries."""

    text: str
    age: timedelta | None
    count: int | None


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
    written = re.fullmatch(r"([0-9]{1,9})([mhdw]?)", text)
    number = 0 if written is None else int(written[1])
    if written is None or number == 0:
        raise wrong
    if not (unit := written[2]):
        return Window(text, None, number)
    if number > LONGEST // _UNITS[unit]:
        raise wrong
    return Window(text, number * _UNITS[unit], None)


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
        counted = select(func.count()).where(
            DELIVERIES.key >= bound(first), DELIVERIES.key <= bound(Position(*last))
        )
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
    first = (await connection.execute(query.limit(1))).one_or_none()
    return None if first is None else Position(*first)


async def next_deliveries(
    connection: AsyncConnection, span: Span, *, after: Position | None, limit: int
) -> Sequence[RowMapping]:
    """The next of the span, in the order received."""
    within = DELIVERIES.key >= bound(span.first), DELIVERIES.key <= bound(span.last)
    query = DELIVERIES.forward(select(deliveries).where(*within), after, limit=limit)
    rows: Sequence[RowMapping] = (await connection.execute(query)).mappings().all()
    return rows


def recorded_before(span: Span) -> ColumnElement[bool]:
    """The condition that an outcome is of an earlier delivery, or a reversal by hand."""
    earlier = and_(deliveries.c.id == outcomes.c.delivery_id, DELIVERIES.key < bound(span.first))
    return or_(outcomes.c.delivery_id.is_(None), select(deliveries.c.id).where(earlier).exists())
