"""The list of exceptions: counted as of now, each kind with what fixes it.

Owns the kinds, their sentences and commands. What the background has found is completed by what
was recorded since; where that is too much to read in one request, the answer names the time
that it is as of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.timestamps import in_utc
from jobs.exceptions.customers import Customer, read_lookalikes
from jobs.exceptions.detection import AMOUNT_DIFFERS, OF_KEYS, WAITING_REVERSAL, KeyException
from jobs.exceptions.prices import read_unused_prices
from jobs.exceptions.register import (
    begin_of,
    find_exceptions,
    next_repeated,
    read_progress,
    recorded_rows,
)
from jobs.queries.exceptions.examples import (
    Example,
    amount_differs,
    lookalike_customer,
    unused_price,
    waiting_reversal,
)
from jobs.queries.exceptions.texts import (
    DETAILS,
    KINDS,
    LOOKALIKE_CUSTOMER,
    REMEDIATIONS,
    UNUSED_PRICE,
)
from jobs.queries.shape import Shape
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import exceptions, outcomes
from mappings.engine.loading.load import MappingSet
from mappings.engine.pricing.unused import UnusedPrice


class ExceptionItem(Shape):
    """What was taken and not billed as someone may expect, by kind.

    `first_at` and `last_at` are null where nothing was recorded. `commands` are those of the
    `examples`, the latest first.
    """

    kind: str
    count: int
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    detail: str
    remediation: str
    commands: tuple[str, ...]
    examples: tuple[Example, ...]


#: A reversal may be a little ahead of its charge. From this age on it is a problem.
OVERDUE = timedelta(hours=1)
#: Repeated outcomes that are read in one request.
MOST_LIVE = 2_000
EXAMPLES = 10
MOST_EXAMPLES = 1_000


@dataclass(slots=True)
class Tally:
    """How many exceptions of a kind there are. `overdue` of them cannot be a matter of order."""

    kind: str
    count: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    overdue: int = 0

    @property
    def pressing(self) -> int:
        """How many of them need a person: no order of arrival resolves them."""
        return {AMOUNT_DIFFERS: self.count, WAITING_REVERSAL: self.overdue}.get(self.kind, 0)

    def add(self, count: int, first: datetime, last: datetime, overdue: int) -> None:
        """Count some more."""
        self.count += count
        self.overdue += overdue
        self.first_at = min(first, self.first_at or first)
        self.last_at = max(last, self.last_at or last)


@dataclass(slots=True)
class _Found:
    """All that was found, as of one moment; `as_of` is set where that is not now."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {kind: Tally(kind) for kind in KINDS})
    of_keys: dict[str, list[KeyException]] = field(default_factory=dict)
    lookalikes: list[tuple[Customer, ...]] = field(default_factory=list)
    prices: tuple[UnusedPrice, ...] = ()
    as_of: datetime | None = None


async def count_exceptions(database: Database, mappings: MappingSet) -> tuple[Tally, ...]:
    """How many there are of each kind, those without any included."""
    async with database.snapshot() as connection:
        found = await _find(database, connection, mappings, KINDS, examples=0)
    return tuple(found.tallies.values())


async def read_exceptions(
    database: Database,
    mappings: MappingSet,
    *,
    kinds: Sequence[str] = KINDS,
    examples: int = EXAMPLES,
) -> tuple[ExceptionItem, ...]:
    """The kinds of which there are any, each with at most so many examples, the latest first."""
    examples = min(examples, MOST_EXAMPLES)
    async with database.snapshot() as connection:
        found = await _find(database, connection, mappings, kinds, examples=examples)
        return tuple(
            [
                await _item(connection, found, found.tallies[kind], examples)
                for kind in kinds
                if found.tallies[kind].count
            ]
        )


async def _find(
    database: Database,
    connection: AsyncConnection,
    mappings: MappingSet,
    kinds: Sequence[str],
    *,
    examples: int,
) -> _Found:
    found = _Found()
    now = await database.time(connection)
    if not set(OF_KEYS).isdisjoint(kinds):
        await _find_keys(connection, found, now - OVERDUE, examples)
    if LOOKALIKE_CUSTOMER in kinds:
        found.lookalikes = await read_lookalikes(connection)
        for group in found.lookalikes:
            at = group[1].first_billed_at
            found.tallies[LOOKALIKE_CUSTOMER].add(1, at, at, 0)
    if UNUSED_PRICE in kinds:
        found.prices = await read_unused_prices(connection, mappings)
        found.tallies[UNUSED_PRICE].count = len(found.prices)
    return found


async def _find_keys(
    connection: AsyncConnection, found: _Found, overdue_before: datetime, examples: int
) -> None:
    """The exceptions of keys: those in the table, and as of now those of keys repeated since."""
    begin = begin_of(await read_progress(connection))
    repeated = await next_repeated(connection, begin, limit=MOST_LIVE)
    if len(repeated) == MOST_LIVE:
        found.as_of = repeated[-1][0][0]
    keys = sorted({key for _, key in repeated})
    live: list[KeyException] = []
    replaced: set[tuple[str, str]] = set()
    for chunk in chunks(keys, 500):
        replaced |= await recorded_rows(connection, chunk)
        of_chunk = await find_exceptions(connection, chunk)
        live += [exception for several in of_chunk.values() for exception in several]
    dismissed = await _dismissed(connection, [exception.outcome.id for exception in live])
    live = [
        exception for exception in live if (exception.kind, exception.outcome.id) not in dismissed
    ]
    await _tally(connection, found, sorted(replaced), overdue_before)
    for exception in live:
        at = exception.at
        found.tallies[exception.kind].add(1, at, at, int(at < overdue_before))
    for kind in OF_KEYS:
        of_kind = [exception for exception in live if exception.kind == kind]
        if examples:
            of_kind += await _stored(connection, kind, sorted(replaced), examples)
        of_kind.sort(key=lambda exception: (exception.at, exception.outcome.id), reverse=True)
        found.of_keys[kind] = of_kind[:examples]


async def _dismissed(connection: AsyncConnection, ids: Sequence[str]) -> set[tuple[str, str]]:
    columns = exceptions.c
    dismissed: set[tuple[str, str]] = set()
    for chunk in chunks(ids):
        query = select(columns.kind, columns.outcome_id).where(
            columns.outcome_id.in_(chunk), columns.dismissed_by.is_not(None)
        )
        dismissed |= {(kind, outcome) for kind, outcome in await connection.execute(query)}
    return dismissed


async def _tally(
    connection: AsyncConnection,
    found: _Found,
    replaced: Sequence[tuple[str, str]],
    overdue_before: datetime,
) -> None:
    columns = exceptions.c
    query = (
        select(
            columns.kind,
            func.count(),
            func.min(columns.at),
            func.max(columns.at),
            func.count().filter(columns.at < overdue_before),
        )
        .where(columns.dismissed_by.is_(None), _not_in(replaced))
        .group_by(columns.kind)
    )
    for kind, *counted in await connection.execute(query):
        if kind in found.tallies:
            found.tallies[kind].add(*counted)


async def _stored(
    connection: AsyncConnection, kind: str, replaced: Sequence[tuple[str, str]], limit: int
) -> list[KeyException]:
    """The latest in the table whose keys have no outcome since."""
    columns = exceptions.c
    query = (
        select(outcomes.c.outcome_key)
        .join_from(exceptions, outcomes, outcomes.c.id == columns.outcome_id)
        .where(columns.kind == kind, columns.dismissed_by.is_(None), _not_in(replaced))
        .order_by(columns.at.desc(), columns.outcome_id.desc())
        .limit(limit)
    )
    keys = sorted(set(await connection.scalars(query)))
    by_key = await find_exceptions(connection, keys) if keys else {}
    several = (exception for of_key in by_key.values() for exception in of_key)
    return [exception for exception in several if exception.kind == kind]


def _not_in(replaced: Sequence[tuple[str, str]]) -> Any:
    return tuple_(exceptions.c.kind, exceptions.c.outcome_id).not_in(replaced)


async def _item(
    connection: AsyncConnection, found: _Found, tally: Tally, limit: int
) -> ExceptionItem:
    examples = await _examples(connection, found, tally.kind, limit)
    return ExceptionItem(
        kind=tally.kind,
        count=tally.count,
        first_at=tally.first_at,
        last_at=tally.last_at,
        detail=detail_of(tally, found.as_of),
        remediation=REMEDIATIONS[tally.kind],
        commands=tuple(dict.fromkeys(example.command for example in examples)),
        examples=examples,
    )


def detail_of(tally: Tally, as_of: datetime | None = None) -> str:
    """How many there are, in a sentence."""
    single, many = DETAILS[tally.kind]
    sentence = single if tally.count == 1 else many.format(tally.count)
    if tally.kind == WAITING_REVERSAL:
        sentence += f"; {tally.overdue} for longer than an hour, which no order of arrival explains"
    return f"{sentence}; as of {in_utc(as_of)}" if as_of and tally.kind in OF_KEYS else sentence


async def _examples(
    connection: AsyncConnection, found: _Found, kind: str, limit: int
) -> tuple[Example, ...]:
    if kind == WAITING_REVERSAL:
        return tuple(
            [await waiting_reversal(connection, reversal) for reversal in found.of_keys[kind]]
        )
    if kind == AMOUNT_DIFFERS:
        return tuple([await amount_differs(connection, repeat) for repeat in found.of_keys[kind]])
    if kind == LOOKALIKE_CUSTOMER:
        latest = sorted(found.lookalikes, key=lambda group: group[1].first_billed_at, reverse=True)
        return tuple(lookalike_customer(group) for group in latest[:limit])
    return tuple(unused_price(price) for price in found.prices[:limit])
