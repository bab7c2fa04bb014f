"""The rounds of all audits, in the background of every worker.

Owns how often they run, and that one worker at a time has a round: the one that moves `next_at` on.
What was found is stored in the table `audits`. Refuses to be in the way: a round pauses between its
pages, and one that took long is not started again soon.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select, update

from jobs.audits.balance import audit_balance, audit_waiting
from jobs.audits.books import BOOKS
from jobs.audits.records import CORRECTIONS, RECORDS
from jobs.audits.replays import audit_replays
from jobs.audits.results import AuditStatus, RoundResult
from jobs.audits.scrub import Scrub
from jobs.common.errors import is_transient
from jobs.common.tasks import every
from jobs.storage.database import Database
from jobs.storage.schema import audits

log = structlog.get_logger(__name__)

#: How often a worker asks whether a round is due.
DUE_SECONDS = 5.0
EVERY_SECONDS = 60.0
#: A round that is not done by then has lost its worker; another one takes it up.
LEASE_SECONDS = 300.0
ROUND_SECONDS = 240.0
#: Of a round's minute the pass over everything has so much.
PASS_SECONDS = 2.0
#: After a round comes a pause so many times as long.
PAUSE_FACTOR = 10.0
LONGEST_PAUSE_SECONDS = 900.0

Round = Callable[[Database, Mapping[str, Any]], Awaitable[RoundResult]]


#: The audits that go through all rows, page by page.
SCRUBS: Mapping[str, Scrub] = {"books": BOOKS, "records": RECORDS, "corrections": CORRECTIONS}
#: What a round of each audit is, in the order in which they are shown.
AUDITS: Mapping[str, Round] = {
    "balance": audit_balance,
    **{name: partial(scrub.round, seconds=PASS_SECONDS) for name, scrub in SCRUBS.items()},
    "waiting": audit_waiting,
    "replays": audit_replays,
}


class Auditor:
    """Runs each of `rounds` when it is due, in one process at a time."""

    def __init__(
        self,
        database: Database,
        rounds: Mapping[str, Round] = AUDITS,
        *,
        every_seconds: float = EVERY_SECONDS,
        lease_seconds: float | None = None,
    ) -> None:
        """`lease_seconds` None: as long as a round of the audits may take."""
        self._database = database
        self._rounds = rounds
        self._every_seconds = every_seconds
        self._lease_seconds = lease_seconds

    async def run(self) -> None:
        """Run what is due until cancelled; a database that is away is tried again."""
        await every("audit", DUE_SECONDS, self.run_due)

    async def run_due(self) -> None:
        """The rounds that are due and that no other process has."""
        columns = audits.c
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(columns.name).where(columns.next_at > self._database.now())
            )
            resting = set(rows.scalars())
        for name in self._rounds:
            if name not in resting:
                await self._round(name)

    async def _round(self, name: str) -> None:
        progress = await self._claim(name)
        if progress is None:
            return
        began = time.monotonic()
        try:
            async with asyncio.timeout(self._lease_seconds or ROUND_SECONDS):
                result = await self._rounds[name](self._database, progress)
        except Exception as error:
            # After a transient error the round is due again at once; after a bug, with the lease.
            if is_transient(error):
                with suppress(Exception):
                    await self._store(name, None, rest_seconds=0)
            raise
        if result.found:
            log.error("audit.problem", audit=name, found=result.found, first=result.summaries[0])
        rest = min((time.monotonic() - began) * PAUSE_FACTOR, LONGEST_PAUSE_SECONDS)
        await self._store(name, result, rest_seconds=max(self._every_seconds, rest))

    async def _claim(self, name: str) -> dict[str, Any] | None:
        """Claim the round: its progress so far, or None where another process was quicker."""
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

    async def _store(self, name: str, result: RoundResult | None, *, rest_seconds: float) -> None:
        """Store what a round found, where it ended, and when the next one is due."""
        values: dict[str, Any] = {"next_at": self._database.now(plus_seconds=rest_seconds)}
        if result is not None:
            values |= {
                "found": result.found,
                "detail": {"summaries": list(result.summaries)},
                "progress": dict(result.progress),
                "checked_at": self._database.now(),
            }
        async with self._database.write() as connection:
            await connection.execute(update(audits).where(audits.c.name == name).values(values))


async def read_audits(database: Database) -> list[AuditStatus]:
    """What the last round of each audit found, by name."""
    columns = audits.c
    query = select(columns.name, columns.found, columns.detail, columns.checked_at)
    async with database.read() as connection:
        rows = await connection.execute(
            query.where(columns.name.in_(AUDITS)).order_by(columns.name)
        )
        return [
            AuditStatus(name, found, tuple(detail.get("summaries", ())), checked_at)
            for name, found, detail, checked_at in rows
        ]


async def run_audit(
    database: Database, name: str, *, seconds: float | None, on_progress: Callable[[int], None]
) -> RoundResult:
    """Run this audit now, over everything, or over as much as fits in so many seconds.

    Nothing is stored. What needs two rounds is compared with what the last one saw.
    """
    if name in SCRUBS:
        return await SCRUBS[name].whole(database, seconds=seconds, on_progress=on_progress)
    return await AUDITS[name](database, await _progress(database, name))


async def _progress(database: Database, name: str) -> dict[str, Any]:
    async with database.read() as connection:
        return await connection.scalar(select(audits.c.progress).where(audits.c.name == name)) or {}
