"""Keyset pagination: long lists read page by page, in the order of a time and an id.

Owns limits and the form of a cursor: the sort key of the last row seen, so that new rows shift
nothing. Every page is one short read along an index, however large the table is.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, literal, tuple_
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import can_be_stored
from jobs.storage.columns import UtcDateTime
from jobs.storage.schema import deliveries

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000

_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")


class Position(NamedTuple):
    """The sort key of a row."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Keyset:
    """A list in the order of two indexed columns; `name` stands in cursors and errors."""

    name: str
    at: ColumnElement[datetime]
    id: ColumnElement[str]

    @property
    def key(self) -> ColumnElement[Any]:
        """The sort key, to compare with `bound`."""
        return tuple_(self.at, self.id)

    def position_of(self, row: RowMapping) -> Position:
        """The sort key of a row that has both columns."""
        return Position(row[self.at], row[self.id])

    def forward(self, query: Select[Any], after: Position | None, *, limit: int) -> Select[Any]:
        """The oldest rows behind `after`, from the first if None."""
        if after is not None:
            query = query.where(self.key > bound(after))
        return query.order_by(self.at, self.id).limit(limit)

    async def page(
        self, connection: AsyncConnection, query: Select[Any], *, limit: int, cursor: str | None
    ) -> tuple[Sequence[RowMapping], str | None]:
        """The newest rows behind `cursor`, and the cursor of what follows; raises FilterInvalid."""
        limit = clamp(limit)
        if cursor is not None:
            query = query.where(self.key < bound(self.read(cursor)))
        query = query.order_by(self.at.desc(), self.id.desc()).limit(limit + 1)
        rows = (await connection.execute(query)).mappings().all()
        has_more = len(rows) > limit
        following = self.write(self.position_of(rows[limit - 1])) if has_more else None
        return rows[:limit], following

    def write(self, position: Position) -> str:
        """The cursor behind this position."""
        return write_cursor(self.name, (position.at.isoformat(), position.id))

    def read(self, cursor: str) -> Position:
        """What `write` was given; raises FilterInvalid for any other text."""
        at, row_id = read_cursor(self.name, cursor, parts=2)
        return Position(read_time(self.name, at), row_id)


#: Deliveries in the order received.
DELIVERIES = Keyset("deliveries", deliveries.c.received_at, deliveries.c.id)


def bound(position: Position) -> ColumnElement[Any]:
    """A position as a value to compare a key with."""
    return tuple_(literal(position.at, UtcDateTime), literal(position.id))


def clamp(limit: int) -> int:
    """A limit of 1 to 1000: more is taken for 1000, less raises FilterInvalid."""
    if limit < 1:
        raise FilterInvalid(f"limit is {limit}; give a number from 1 to {MAX_LIMIT}")
    return min(limit, MAX_LIMIT)


def write_cursor(name: str, parts: Sequence[str]) -> str:
    """A cursor into the list `name`, made of `[A-Za-z0-9_-]` only."""
    raw = json.dumps([name, *parts], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(name: str, cursor: str, *, parts: int) -> tuple[str, ...]:
    """What `write_cursor` was given; raises FilterInvalid for any other text."""
    if not _CURSOR.fullmatch(cursor):
        raise unknown_cursor(name)
    try:
        values = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise unknown_cursor(name) from None
    is_well_formed = isinstance(values, list) and all(
        isinstance(value, str) and can_be_stored(value) for value in values
    )
    if not is_well_formed or len(values) != parts + 1 or values[0] != name:
        raise unknown_cursor(name)
    return tuple(values[1:])


def read_time(name: str, text: str) -> datetime:
    """The time in a cursor; raises FilterInvalid."""
    try:
        time = datetime.fromisoformat(text)
        in_utc = time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise unknown_cursor(name) from None
    if time.tzinfo is None:
        raise unknown_cursor(name)
    return in_utc


def unknown_cursor(name: str) -> FilterInvalid:
    """The error for a cursor that no page of the list `name` has given."""
    return FilterInvalid(f"cursor is unknown; pass `next` of an earlier page of the {name}")
