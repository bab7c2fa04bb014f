"""Revenue: postings summed by agent, customer, indicator, day and month.

Owns the calendar: days and months are those of the configured time zone. Databases differ in
what they know of zones, so SQL sums by quarter of an hour in UTC, which every zone's midnight
since 1972 falls on, and the quarters are folded into days here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import BigInteger, ColumnElement, Select, String, cast, extract, func, select

from jobs.database import Database
from jobs.errors import FilterInvalid
from jobs.money import money
from jobs.queries.billing import Basis, BillingFilter, time_of
from jobs.queries.paging import MOST, clamp, read_cursor, write_cursor
from jobs.queries.shapes import Page, RevenueItem
from jobs.schema import billing_events
from mappings.currencies import payable

_LIST = "revenue"
_COLUMNS = {"agent": "agent_id", "customer": "customer_id", "indicator": "indicator"}
_PERIODS = {"day": "%Y-%m-%d", "month": "%Y-%m"}
#: What revenue can be grouped by.
GROUPS = (*_COLUMNS, *_PERIODS)
_QUARTER_SECONDS = 900


@dataclass(slots=True)
class _Sum:
    charges: int = 0
    reversals: int = 0
    micros: int = 0


async def read_revenue(
    database: Database,
    where: BillingFilter,
    *,
    by: Sequence[str],
    zone: ZoneInfo,
    basis: Basis = "occurred",
    limit: int = MOST,
    cursor: str | None = None,
) -> Page[RevenueItem]:
    """The sums by the names in `by` and currency, latest period first; raises FilterInvalid.

    `basis` says whose day and month count: of when it occurred, or of when it was recorded.
    """
    limit = clamp(limit)
    by = check_groups(by)
    sums = await _sums(database, where, by=by, zone=zone, basis=basis)
    keys = sorted(sums)
    # Names and currency upwards, periods from the latest: sorting is stable.
    for place in reversed([place for place, name in enumerate(by) if name in _PERIODS]):
        keys.sort(key=itemgetter(place), reverse=True)
    if cursor is not None:
        keys = _after(keys, read_cursor(_LIST, cursor, parts=len(by) + 1))
    items = tuple(_item(by, key, sums[key]) for key in keys[:limit])
    more = len(keys) > limit
    return Page(items=items, next=write_cursor(_LIST, keys[limit - 1]) if more else None)


async def all_revenue(
    database: Database,
    where: BillingFilter,
    *,
    by: Sequence[str],
    zone: ZoneInfo,
    basis: Basis = "occurred",
) -> list[RevenueItem]:
    """All sums, however many pages they are."""
    items: list[RevenueItem] = []
    cursor = None
    while True:
        page = await read_revenue(database, where, by=by, zone=zone, basis=basis, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            return items


def check_groups(by: Sequence[str]) -> tuple[str, ...]:
    """`by` without repeats; raises FilterInvalid for a name that is no group."""
    for name in by:
        if name not in GROUPS:
            raise FilterInvalid(f"by names {name[:80]!r}; choose from {', '.join(GROUPS)}")
    return tuple(dict.fromkeys(by))


async def _sums(
    database: Database,
    where: BillingFilter,
    *,
    by: tuple[str, ...],
    zone: ZoneInfo,
    basis: Basis,
) -> dict[tuple[str, ...], _Sum]:
    """One sum for each group; rows are folded as they come, so memory is that of the answer."""
    named = [name for name in by if name in _COLUMNS]
    dated = any(name in _PERIODS for name in by)
    quarter = _quarter(time_of(basis), is_sqlite=database.is_sqlite) if dated else None
    sums: defaultdict[tuple[str, ...], _Sum] = defaultdict(_Sum)
    async with database.read() as connection:
        rows = await connection.stream(_query(where, named, quarter))
        async for row in rows.mappings():
            local = None
            if quarter is not None:
                moment = datetime.fromtimestamp(row["quarter"] * _QUARTER_SECONDS, UTC)
                local = moment.astimezone(zone)
            key = tuple(
                row[name] if local is None or name in _COLUMNS else local.strftime(_PERIODS[name])
                for name in by
            )
            total = sums[(*key, row["currency"])]
            total.charges += row["charges"]
            total.reversals += row["reversals"]
            total.micros += int(row["units"]) * 1_000_000 + int(row["rest"])
    return dict(sums)


def _query(
    where: BillingFilter, named: Sequence[str], quarter: ColumnElement[int] | None
) -> Select[Any]:
    columns = billing_events.c
    groups: list[ColumnElement[Any]] = [columns[_COLUMNS[name]].label(name) for name in named]
    groups.append(columns.currency.label("currency"))
    if quarter is not None:
        groups.append(quarter.label("quarter"))
    micros = columns.amount_micros
    return (
        select(
            *groups,
            func.count().filter(columns.kind == "charge").label("charges"),
            func.count().filter(columns.kind == "reversal").label("reversals"),
            # Summed in two parts, each far from 2^63: SQLite refuses a sum beyond it.
            func.sum(micros // 1_000_000).label("units"),
            func.sum(micros % 1_000_000).label("rest"),
        )
        .where(where.where())
        .group_by(*groups)
    )


def _quarter(at: ColumnElement[datetime], *, is_sqlite: bool) -> ColumnElement[int]:
    """Quarters of an hour since 1970."""
    if is_sqlite:
        # Without the fraction, which SQLite would round up, now and then into the next day.
        whole = func.substr(cast(at, String), 1, 19)
        return cast(func.strftime("%s", whole), BigInteger) // _QUARTER_SECONDS
    seconds = cast(func.floor(extract("epoch", at)), BigInteger)
    return seconds // _QUARTER_SECONDS


def _after(keys: list[tuple[str, ...]], seen: tuple[str, ...]) -> list[tuple[str, ...]]:
    if seen not in keys:
        raise FilterInvalid(f"cursor is unknown; pass `next` of an earlier page of the {_LIST}")
    return keys[keys.index(seen) + 1 :]


def _item(by: Sequence[str], key: Sequence[str], total: _Sum) -> RevenueItem:
    return RevenueItem(
        **dict(zip(by, key[:-1], strict=True)),
        currency=key[-1],
        charges=total.charges,
        reversals=total.reversals,
        amount=money(total.micros),
        payable=payable(total.micros, key[-1]),
    )
