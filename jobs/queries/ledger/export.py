"""The ledger forwards, and billing events as CSV: for exports that miss no line and repeat none.

Owns the cursor: the place of the last line read. Only lines before the horizon are given, whose
order is final, so that what commits later comes later. The CSV (RFC 4180) has the fields of the
API's items in their order. A spreadsheet takes none of its texts for a formula; an amount stays a
number, a negative one too.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.filters import BillingFilter
from jobs.ledger.horizon import read_horizon
from jobs.queries.ledger.billing_events import (
    BillingEventItem,
    BillingEventPage,
    billing_item,
    billing_lines,
)
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, Keyset, Position, clamp
from jobs.storage.schema import billing_events

COLUMNS = tuple(BillingEventItem.model_fields)
#: What a spreadsheet takes for the beginning of a formula (OWASP, CSV injection).
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
_NUMBERS = frozenset({"amount", "sequence"})

_columns = billing_events.c
_EXPORT = Keyset("exported billing events", _columns.recorded_at, _columns.id)
#: Before the first line.
_START = Position(datetime(1970, 1, 1, tzinfo=UTC), "")


async def read_forward(
    database: Database, where: BillingFilter, *, after: str, limit: int = DEFAULT_LIMIT
) -> BillingEventPage:
    """The next lines that fit behind the cursor `after`, oldest first; empty: from the first.

    `next` is always a cursor to go on from, at once or later. Raises FilterInvalid and
    ReplicaCannotTell.
    """
    limit = clamp(limit)
    position = _EXPORT.read(after) if after else _START
    horizon = await read_horizon(database)
    complete = billing_lines().where(where.where(), _columns.recorded_at < horizon)
    query = _EXPORT.forward(complete, position, limit=limit)
    async with database.read() as connection:
        items = tuple(billing_item(row) for row in (await connection.execute(query)).mappings())
        if len(items) == limit:
            position = Position(items[-1].recorded_at, items[-1].id)
        else:
            position = max(position, await _last_before(connection, horizon))
    following = _EXPORT.write(position)
    return BillingEventPage(items=items, next=following, complete_until=horizon)


async def _last_before(connection: AsyncConnection, horizon: datetime) -> Position:
    """The position of the last complete line, whether it fits or not."""
    query = (
        select(_columns.recorded_at, _columns.id)
        .where(_columns.recorded_at < horizon)
        .order_by(_columns.recorded_at.desc(), _columns.id.desc())
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return _START if row is None else Position(*row)


def csv_header() -> str:
    """The first line."""
    return _lines([COLUMNS])


def csv_lines(items: Iterable[BillingEventItem]) -> str:
    """A line for each item; `meta_tags` is JSON, null an empty cell."""
    dumped = (item.model_dump(mode="json") for item in items)
    return _lines([_cell(name, fields[name]) for name in COLUMNS] for fields in dumped)


def _cell(name: str, value: Any) -> Any:
    if value is None or name in _NUMBERS:
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    written = io.StringIO(newline="")
    csv.writer(written).writerows(rows)
    return written.getvalue()
