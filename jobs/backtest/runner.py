"""Mapping stored deliveries twice, by what is in force and by what is edited, and folding both.

Owns where both sides begin: with what earlier deliveries recorded of a key, and what persons
reversed by hand. From there each side folds the deliveries of the window into books of its own, by
the decisions of settling, in the order received. Writes nothing.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.backtest.report import BacktestReport
from jobs.backtest.window import Span, Window, next_deliveries, recorded_before, span_of
from jobs.common.ids import new_id
from jobs.common.states import DeliveryState
from jobs.common.timestamps import in_utc
from jobs.ledger.book import KeyBook
from jobs.ledger.fold import settlement_of
from jobs.ledger.owing import begin_with_owed
from jobs.ledger.repository import load_books
from jobs.ledger.spill import Spill
from jobs.privacy.guard import pseudonymize
from jobs.privacy.pseudonyms import Pseudonymized
from jobs.settling.mapper import claimed_from, preview_rows
from jobs.storage.database import Database
from jobs.storage.keyset import Position
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS, Mapped

#: Deliveries mapped at once.
STEP = 100

OnStep = Callable[[int, int], None]
#: A key's book by what is in force, and by what is edited.
Pair = tuple[KeyBook, KeyBook]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """The mappings in force and the edited ones."""

    in_force: MappingSet
    edited: MappingSet
    oldest_days: int | None = OLDEST_DAYS


async def run_backtest(
    database: Database, sides: Sides, window: Window, *, on_step: OnStep | None = None
) -> BacktestReport:
    """What the edited mappings would bill otherwise over the window.

    Discarded deliveries, and those that reuse another's id, are left out: nothing bills them
    without a person. `on_step` gets the number done and the total.
    """
    report = BacktestReport(window.text)
    span = await span_of(database, window)
    if span is None:
        return report
    report.since = in_utc(span.first.at)
    report.deliveries = span.deliveries
    with closing(Spill[Pair]()) as spill:
        await _Backtest(database, sides, span, spill, report).run(on_step or (lambda *_: None))
    return report


class _Backtest:
    def __init__(
        self,
        database: Database,
        sides: Sides,
        span: Span,
        spill: Spill[Pair],
        report: BacktestReport,
    ) -> None:
        self._database = database
        self._sides = sides
        self._span = span
        self._spill = spill
        self._report = report

    async def run(self, on_step: OnStep) -> None:
        after: Position | None = None
        done = 0
        while True:
            async with self._database.read() as connection:
                rows = await next_deliveries(connection, self._span, after=after, limit=STEP)
            if not rows:
                return
            await self._take(self._comparable(rows))
            after = Position(rows[-1]["received_at"], rows[-1]["id"])
            done += len(rows)
            on_step(done, self._span.deliveries)

    def _comparable(self, rows: Sequence[RowMapping]) -> list[RowMapping]:
        comparable = []
        for row in rows:
            if row["state"] == DeliveryState.DISCARDED or row["reason"] == "id-reused":
                self._report.set_aside += 1
            elif row["body"] is None:
                self._report.no_body += 1
            else:
                comparable.append(row)
        return comparable

    async def _take(self, rows: Sequence[RowMapping]) -> None:
        in_force = await self._map(self._sides.in_force, rows)
        edited = await self._map(self._sides.edited, rows)
        async with self._database.read() as connection:
            before = await pseudonymize(connection, in_force)
            after = await pseudonymize(connection, edited)
            books = await self._books(connection, _keys(before) | _keys(after))
        were = {key: pair[0] for key, pair in books.items()}
        would = {key: pair[1] for key, pair in books.items()}
        for delivery in map(claimed_from, rows):
            was = settlement_of(delivery, before[delivery.id], were)
            now = settlement_of(delivery, after[delivery.id], would)
            self._report.add(delivery.id, delivery.source, was, now)
        self._spill.put(books)

    async def _map(self, mappings: MappingSet, rows: Sequence[RowMapping]) -> dict[str, Mapped]:
        oldest_days = self._sides.oldest_days
        return await asyncio.to_thread(preview_rows, mappings, rows, oldest_days=oldest_days)

    async def _books(self, connection: AsyncConnection, keys: set[str]) -> dict[str, Pair]:
        """A pair for each key: as it was left, or as it was before the window."""
        books = self._spill.take(keys)
        new = await load_books(connection, keys - books.keys(), where=recorded_before(self._span))
        for key, book in new.items():
            begin_with_owed(book, new_id())
            books[key] = (book, copy.deepcopy(book))
        return books


def _keys(mapped: Mapping[str, Pseudonymized]) -> set[str]:
    return {outcome.key for result in mapped.values() for outcome in result.outcomes}
