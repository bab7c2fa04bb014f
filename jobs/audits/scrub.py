"""Auditing everything there is, a page at a time, again and again.

Owns how far a pass has got and what is audited out of turn: what changed since the last round,
and what was found wrong before. Memory is that of a page, and each page is one snapshot, so that
live traffic looks like no fault. Refuses to know what a fault is.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.audits.results import SHOWN, RoundResult
from jobs.common.problem import Problem
from jobs.storage.database import Database

PAGE = 500
#: A pass over everything begins so long after the one before it began.
PASS_EVERY = timedelta(days=1)
#: Ids are made before their transaction commits, by clocks that differ a little.
OVERLAP = timedelta(minutes=2)
#: A round audits so many that changed, and remembers so many that are wrong; a pass finds all.
MOST_CHANGED = 20_000
MOST_REMEMBERED = 500
#: Between two pages others have their turn.
PAUSE_SECONDS = 0.02

#: The next page of what there is after `after`, in order; empty at the end.
NextPage = Callable[[AsyncConnection, str], Awaitable[list[str]]]
#: The next page, after `after`, of what has changed in rows with ids from `floor` on.
NextChanged = Callable[[AsyncConnection, str, str], Awaitable[list[str]]]
#: What is wrong with these.
Check = Callable[[AsyncConnection, Sequence[str]], Awaitable[list[Problem]]]


def pages_by_id(id_: Column[str], *where: ColumnElement[bool]) -> tuple[NextPage, NextChanged]:
    """The rows of a table in the order of their ids; those that changed are those added since."""

    async def next_page(connection: AsyncConnection, after: str) -> list[str]:
        query = select(id_).where(id_ > after, *where).order_by(id_).limit(PAGE)
        return list(await connection.scalars(query))

    async def next_changed(connection: AsyncConnection, floor: str, after: str) -> list[str]:
        return await next_page(connection, max(after, floor))

    return next_page, next_changed


@dataclass(frozen=True, slots=True)
class Scrub:
    """One thing to be audited in pages."""

    pages: NextPage
    changed: NextChanged
    check: Check

    async def round(
        self, database: Database, progress: Mapping[str, Any], *, seconds: float
    ) -> RoundResult:
        """What is known to be wrong, what has changed, then the pass for so many seconds."""
        async with database.read() as connection:
            now = await database.time(connection)
        current = _Pass.of(progress, now)
        faults = _Faults()
        async for page in self._out_of_turn(database, progress):
            await self._audit(database, page, faults)
        ends = time.monotonic() + seconds
        while not current.is_over and time.monotonic() < ends:
            page = await self._page(database, current.after)
            await self._audit(database, page, faults)
            current.take(page, now)
        progress = {"pass": asdict(current), "since": now.isoformat()}
        return faults.result(progress, is_whole=True)

    async def whole(
        self,
        database: Database,
        *,
        seconds: float | None,
        on_progress: Callable[[int], None] = lambda _number: None,
    ) -> RoundResult:
        """Everything from the start, or as much as fits in so many seconds."""
        faults, after, number = _Faults(), "", 0
        ends = None if seconds is None else time.monotonic() + seconds
        while page := await self._page(database, after):
            if ends is not None and time.monotonic() >= ends:
                return faults.result({"audited": number}, is_whole=False)
            await self._audit(database, page, faults)
            after, number = page[-1], number + len(page)
            on_progress(number)
        return faults.result({"audited": number}, is_whole=True)

    async def _out_of_turn(
        self, database: Database, progress: Mapping[str, Any]
    ) -> AsyncIterator[list[str]]:
        faulty = sorted(progress.get("faulty", []))
        for start in range(0, len(faulty), PAGE):
            yield faulty[start : start + PAGE]
        if "since" not in progress:
            return
        floor = id_floor(datetime.fromisoformat(progress["since"]) - OVERLAP)
        after, number = "", 0
        while number < MOST_CHANGED:
            async with database.read() as connection:
                page = await self.changed(connection, floor, after)
            if not page:
                return
            yield page
            after, number = page[-1], number + len(page)

    async def _page(self, database: Database, after: str) -> list[str]:
        async with database.read() as connection:
            return await self.pages(connection, after)

    async def _audit(self, database: Database, page: Sequence[str], faults: _Faults) -> None:
        if not page:
            return
        async with database.snapshot() as connection:
            faults.add(await self.check(connection, page))
        await asyncio.sleep(PAUSE_SECONDS)


@dataclass(slots=True)
class _Faults:
    """What is wrong, each thing once although it may be audited twice."""

    summaries: dict[str, None] = field(default_factory=dict)
    by_subject: dict[str, int] = field(default_factory=dict)

    def add(self, faults: Sequence[Problem]) -> None:
        self.by_subject |= Counter(fault.subject for fault in faults)
        for fault in faults:
            if len(self.summaries) < SHOWN:
                self.summaries[fault.summary] = None

    def result(self, progress: Mapping[str, Any], *, is_whole: bool) -> RoundResult:
        faulty = sorted(self.by_subject)[:MOST_REMEMBERED]
        return RoundResult(
            found=sum(self.by_subject.values()),
            summaries=tuple(self.summaries),
            progress={**progress, "faulty": faulty},
            is_whole=is_whole,
        )


@dataclass(slots=True)
class _Pass:
    """How far the pass over everything is."""

    began: str
    after: str = ""
    number: int = 0
    ended: str | None = None

    @classmethod
    def of(cls, progress: Mapping[str, Any], now: datetime) -> _Pass:
        """The pass under way, or a new one where it is time for that."""
        known = progress.get("pass")
        if not known:
            return cls(now.isoformat())
        is_due = now - datetime.fromisoformat(known["began"]) >= PASS_EVERY
        if known["ended"] is not None and is_due:
            return cls(now.isoformat())
        return cls(**known)

    @property
    def is_over(self) -> bool:
        return self.ended is not None

    def take(self, page: Sequence[str], now: datetime) -> None:
        if page:
            self.after, self.number = page[-1], self.number + len(page)
        else:  # a key may hold what an erasure takes away: none is left standing here
            self.ended, self.after = now.isoformat(), ""


def id_floor(moment: datetime) -> str:
    """The least id (UUIDv7) that can have been made from then on."""
    milliseconds = f"{max(int(moment.astimezone(UTC).timestamp() * 1000), 0):012x}"
    return f"{milliseconds[:8]}-{milliseconds[8:]}-7000-8000-000000000000"
