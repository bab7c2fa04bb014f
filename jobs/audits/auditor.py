"""The rounds of all audits, in the background of every worker.

Owns their rhythm and that one worker at a time has a round: whoever moves `next_at` on. What was
found stands in the table `audits`, for whoever shows it. Refuses to be in the way: a round pauses
between its pages, and one that took long is not begun again soon.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import structlog
from sqlalchemy import select, update

from jobs.audits.balance import look_at_balance
from jobs.audits.books import BOOKS
from jobs.audits.corrections import CORRECTIONS
from jobs.audits.findings import Audited, Looked
from jobs.audits.records import RECORDS
from jobs.audits.replays import look_at_replays
from jobs.audits.scrub import Scrub
from jobs.audits.waiting import look_at_waiting
from jobs.common.errors import brief, is_transient
from jobs.storage.database import Database
from jobs.storage.schema import audits

log = structlog.get_logger(__name__)

#: How often a worker asks whether a round is due.
LOOK_SECONDS = 5.0
EVERY_SECONDS = 60.0
#: A round that is not done by then has lost its worker; another one takes it up.
LEASE_SECONDS = 300.0
ROUND_SECONDS = 240.0
#: Of a round's minute the pass over everything has so much.
PASS_SECONDS = 2.0
#: After a round comes a pause so many times as long.
PAUSE_FACTOR = 10.0
LONGEST_PAUSE_SECONDS = 900.0

Look = Callable[[Database, Mapping[str, Any]], Awaitable[Looked]]


def _round_of(scrub: Scrub) -> Look:
    async def look(database: Database, progress: Mapping[str, Any]) -> Looked:
        return await scrub.round(database, progress, seconds=PASS_SECONDS)

    return look


#: What a round of each audit is.
AUDITS: Mapping[str, Look] = {
    "balance": look_at_balance,
    "books": _round_of(BOOKS),
    "records": _round_of(RECORDS),
    "corrections": _round_of(CORRECTIONS),
    "waiting": look_at_waiting,
    "replays": look_at_replays,
}


class Auditor:
    """Runs the round of each of `looks` when it is due, in one process at a time."""

    def __init__(
        self,
        database: Database,
        looks: Mapping[str, Look] = AUDITS,
        *,
        every_seconds: float = EVERY_SECONDS,
        lease_seconds: float | None = None,
    ) -> None:
        """`lease_seconds` None: as long as a round of the audits may take."""
        self._database = database
        self._looks = looks
        self._every_seconds = every_seconds
        self._lease_seconds = lease_seconds

    async def run(self) -> None:
        """Look until cancelled; a database that is away is tried again."""
        while True:
            try:
                await self.do_what_is_due()
            except Exception as error:
                if is_transient(error):
                    log.warning("audit.postponed", error=brief(error))
                else:
                    log.exception("audit.error")
            await asyncio.sleep(LOOK_SECONDS)

    async def do_what_is_due(self) -> None:
        """The rounds that are due and that nobody else has."""
        columns = audits.c
        async with self._database.read() as connection:
            found = await connection.execute(
                select(columns.name).where(columns.next_at > self._database.now())
            )
            resting = set(found.scalars())
        for name in self._looks:
            if name not in resting:
                await self._round(name)

    async def _round(self, name: str) -> None:
        progress = await self._claim(name)
        if progress is None:
            return
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._lease_seconds or ROUND_SECONDS):
                looked = await self._looks[name](self._database, progress)
        except Exception as error:
            # After what passes by itself the next look is early enough; a bug waits for the lease.
            if is_transient(error):
                with suppress(Exception):
                    await self._keep(name, None, rest_seconds=0)
            raise
        if looked.found:
            log.error("audit.problem", audit=name, found=looked.found, first=looked.says[0])
        rest = min((time.monotonic() - began) * PAUSE_FACTOR, LONGEST_PAUSE_SECONDS)
        await self._keep(name, looked, rest_seconds=max(self._every_seconds, rest))

    async def _claim(self, name: str) -> dict[str, Any] | None:
        """Take the round: what it goes on from, or None where somebody else was quicker."""
        columns = audits.c
        now = self._database.now()
        async with self._database.write() as connection:
            await connection.execute(
                self._database.insert_or_skip(audits).values(
                    name=name, found=0, detail={}, progress={}, next_at=now
                )
            )
            taken = await connection.execute(
                update(audits)
                .where(columns.name == name, columns.next_at <= self._database.now())
                .values(
                    next_at=self._database.now(plus_seconds=self._lease_seconds or LEASE_SECONDS)
                )
                .returning(columns.progress)
            )
            progress: dict[str, Any] | None = taken.scalar_one_or_none()
        return progress

    async def _keep(self, name: str, looked: Looked | None, *, rest_seconds: float) -> None:
        """Note what a round found, where it ended, and when the next one is due."""
        values: dict[str, Any] = {"next_at": self._database.now(plus_seconds=rest_seconds)}
        if looked is not None:
            values |= {
                "found": looked.found,
                "detail": {"says": list(looked.says)},
                "progress": dict(looked.progress),
                "checked_at": self._database.now(),
            }
        async with self._database.write() as connection:
            await connection.execute(update(audits).where(audits.c.name == name).values(values))


async def read_audits(database: Database) -> list[Audited]:
    """What the last round of each audit found, by name."""
    async with database.read() as connection:
        rows = (
            (
                await connection.execute(
                    select(audits).where(audits.c.name.in_(AUDITS)).order_by(audits.c.name)
                )
            )
            .mappings()
            .all()
        )
    return [
        Audited(row["name"], row["found"], tuple(row["detail"].get("says", ())), row["checked_at"])
        for row in rows
    ]


async def examine(
    database: Database, name: str, *, seconds: float | None, tell: Callable[[int], None]
) -> Looked:
    """Make this audit now, of everything, or of as much as fits in so many seconds.

    Nothing is kept. What needs two looks is compared with what the last round saw.
    """
    scrub = {"books": BOOKS, "records": RECORDS, "corrections": CORRECTIONS}.get(name)
    if scrub is not None:
        return await scrub.whole(database, seconds=seconds, tell=tell)
    return await AUDITS[name](database, await _progress(database, name))


async def _progress(database: Database, name: str) -> dict[str, Any]:
    async with database.read() as connection:
        found = await connection.scalar(select(audits.c.progress).where(audits.c.name == name))
    return dict(found or {})
