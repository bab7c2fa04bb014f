"""Revenue: postings summed by agent, customer, indicator, day and month.

Days and months are those of `jobs.timezone`: SQL sums by quarter of an hour, folded here. Owns that
an answer is of one moment: pages are of the lines recorded before a horizon that their cursor
carries, since every page sums again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime
from sqlalchemy import ColumnElement, Select, func, select

from jobs.common.errors import FilterInvalid
from jobs.common.money import money
from jobs.filters import BillingFilter
from jobs.ledger.horizon import horizon_if_known, wait_for_horizon
from jobs.queries.ledger.billing_events import Basis, time_of
from jobs.queries.shape import Page, Shape
from jobs.storage.database import Database
from jobs.storage.keyset import (
    MAX_LIMIT,
    clamp,
    read_cursor,
    read_time,
    unknown_cursor,
    write_cursor,
)
from jobs.storage.schema import billing_events
from jobs.timezone import PERIODS, periods_at, quarter_of
from mappings.engine.common.currencies import payable


class RevenueItem(Shape):
    """Postings summed: how many charges and reversals, and their net amount.

    Only the names asked for are in the answer. `payable` is the amount rounded half-even to the
    currency's smallest unit, and is there only where that is another amount.
    """

    day: str | None = None
    month: str | None = None
    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None
    currency: str
    charges: int
    reversals: int
    amount: str
    payable: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object without the names that were not asked for and without an idle `payable`."""
        return self.model_dump(mode="json", exclude_none=True)


class RevenuePage(Page[RevenueItem]):
    """Sums, latest period first. No line recorded before `complete_until` is still to come.

    Null where that is not known, on a replica.
    """

    complete_until: AwareDatetime | None

    def as_json(self) -> dict[str, Any]:
        """The object, its items without the names that were not asked for."""
        return self.model_dump(mode="json") | {"items": [item.as_json() for item in self.items]}


_LIST = "revenue"
_COLUMNS = {"agent": "agent_id", "customer": "customer_id", "indicator": "indicator"}
#: What revenue can be grouped by.
GROUPS = (*_COLUMNS, *PERIODS)
#: An answer of several pages waits so long for transactions in flight, so that it has every line
#: that was there when it was asked for; then it is as of the oldest one's start.
HORIZON_SECONDS = 1.0


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
    limit: int = MAX_LIMIT,
    cursor: str | None = None,
) -> RevenuePage:
    """The sums by the names in `by` and currency, latest period first; raises FilterInvalid.

    `basis` is whose day and month count: of when it occurred, or of when it was recorded. An
    answer of one page is as of now. One of several is as of `complete_until`, all its pages:
    ReplicaCannotTell is raised where that is not known.
    """
    limit = clamp(limit)
    by = check_groups(by)
    sum_up = partial(_sums, database, where, by=by, zone=zone, basis=basis)
    if cursor is not None:
        at, *seen = read_cursor(_LIST, cursor, parts=len(by) + 2)
        horizon = read_time(_LIST, at)
        sums = await sum_up(before=horizon)
        return _page(by, sums, _after(_in_order(by, sums), tuple(seen)), limit, horizon)
    complete_until = await horizon_if_known(database)  # before the sums, which have every line then
    sums = await sum_up()
    if len(sums) > limit:
        complete_until = await wait_for_horizon(database, seconds=HORIZON_SECONDS)
        sums = await sum_up(before=complete_until)
    return _page(by, sums, _in_order(by, sums), limit, complete_until)


async def all_revenue(
    database: Database,
    where: BillingFilter,
    *,
    by: Sequence[str],
    zone: ZoneInfo,
    basis: Basis = "occurred",
) -> list[RevenueItem]:
    """All sums, however many, as of now; raises FilterInvalid."""
    by = check_groups(by)
    sums = await _sums(database, where, by=by, zone=zone, basis=basis)
    return [_item(by, key, sums[key]) for key in _in_order(by, sums)]


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
    before: datetime | None = None,
) -> dict[tuple[str, ...], _Sum]:
    """One sum for each group; rows are folded as they come, so memory is that of the answer."""
    named = [name for name in by if name in _COLUMNS]
    dated = any(name in PERIODS for name in by)
    quarter = quarter_of(time_of(basis), is_sqlite=database.is_sqlite) if dated else None
    sums: defaultdict[tuple[str, ...], _Sum] = defaultdict(_Sum)
    async with database.read() as connection:
        rows = await connection.stream(_query(_lines(where, before), named, quarter))
        async for row in rows.mappings():
            periods = {} if quarter is None else periods_at(row["quarter"], zone)
            key = tuple(row[name] if name in _COLUMNS else periods[name] for name in by)
            total = sums[(*key, row["currency"])]
            total.charges += row["charges"]
            total.reversals += row["reversals"]
            total.micros += int(row["units"]) * 1_000_000 + int(row["rest"])
    return dict(sums)


def _lines(where: BillingFilter, before: datetime | None) -> ColumnElement[bool]:
    """The condition of the lines that fit, of those recorded before a moment if given."""
    if before is None:
        return where.where()
    return where.where() & (billing_events.c.recorded_at < before)


def _query(
    lines: ColumnElement[bool], named: Sequence[str], quarter: ColumnElement[int] | None
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
        .where(lines)
        .group_by(*groups)
    )


def _in_order(by: Sequence[str], sums: Mapping[tuple[str, ...], _Sum]) -> list[tuple[str, ...]]:
    """Names and currency upwards, periods from the latest."""
    keys = sorted(sums)
    # Sorting is stable.
    for place in reversed([place for place, name in enumerate(by) if name in PERIODS]):
        keys.sort(key=itemgetter(place), reverse=True)
    return keys


def _page(
    by: Sequence[str],
    sums: Mapping[tuple[str, ...], _Sum],
    keys: Sequence[tuple[str, ...]],
    limit: int,
    complete_until: datetime | None,
) -> RevenuePage:
    following = None
    if len(keys) > limit and complete_until is not None:
        following = write_cursor(_LIST, (complete_until.isoformat(), *keys[limit - 1]))
    items = tuple(_item(by, key, sums[key]) for key in keys[:limit])
    return RevenuePage(items=items, next=following, complete_until=complete_until)


def _after(keys: list[tuple[str, ...]], seen: tuple[str, ...]) -> list[tuple[str, ...]]:
    if seen not in keys:
        raise unknown_cursor(_LIST)
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
