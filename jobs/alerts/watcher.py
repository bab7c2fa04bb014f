"""Looking for what there is to be told of: the database side of `jobs.alerts.conditions`.

Owns what is looked at and how seldom the costly part is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import func, select

from jobs.alerts.conditions import (
    FAILURES,
    KINDS,
    Condition,
    of_audits,
    of_backlog,
    of_exceptions,
    of_failures,
    of_jumps,
    of_mappings,
    of_silence,
)
from jobs.alerts.repository import NoticeBook
from jobs.alerts.spikes import jumps
from jobs.audits.auditor import read_audits
from jobs.audits.findings import Looked
from jobs.common.states import DeliveryState
from jobs.heartbeat import alive
from jobs.queries.deliveries.backlog import read_backlog
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.exceptions.listing import count_exceptions
from jobs.queries.sources.traffic import read_silent
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, notices, rejection_counts
from mappings.engine.loading.load import MappingSet


class Watcher:
    """Looks at everything and lets the table `notices` say what holds."""

    def __init__(self, database: Database, mappings: Callable[[], MappingSet]) -> None:
        self._database = database
        self._mappings = mappings
        self._book = NoticeBook(database)

    async def look(self, database: Database, progress: Mapping[str, Any]) -> Looked:
        """One round; what it knows is kept for the next, whichever process makes that."""
        found: list[Condition] = []
        failed = await self._failed()
        looked_at = set(KINDS)
        if failed == progress.get("failed") and not await self._misses_failures():
            looked_at.discard(FAILURES)
        else:
            found += of_failures(await read_failures(database))
        async with database.read() as connection:
            now = await connection.scalar(select(database.now()))
            counted = await connection.execute(
                select(
                    rejection_counts.c.source, rejection_counts.c.cause, rejection_counts.c.count
                )
            )
            counts = {(row[0], row[1]): int(row[2]) for row in counted}
        assert now is not None  # noqa: S101 - a SELECT of the time gives one
        jumping, known = jumps(progress.get("rejections", {}), counts, now.timestamp())
        found += of_jumps(jumping)
        found += of_mappings(await alive(database))
        found += of_backlog(await read_backlog(database))
        found += of_silence(await read_silent(database, self._mappings()))
        found += of_audits(await read_audits(database))
        found += of_exceptions(await count_exceptions(database, self._mappings()))
        await self._book.reconcile(found, looked_at)
        return Looked(found=0, progress={"failed": failed, "rejections": known})

    async def _failed(self) -> list[Any]:
        """What is different once another delivery has failed, or one no longer is."""
        columns = deliveries.c
        query = select(func.count(), func.max(columns.settled_at), func.max(columns.id)).where(
            columns.state == DeliveryState.FAILED
        )
        async with self._database.read() as connection:
            number, last, newest = (await connection.execute(query)).one()
        return [number, last and last.isoformat(), newest]

    async def _misses_failures(self) -> bool:
        """Whether a group was gone at the last look, or one that is there waits for room."""
        waits = (notices.c.missed_at.is_not(None)) | (notices.c.sent_at.is_(None))
        query = select(notices.c.key).where(notices.c.kind == FAILURES, waits).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None
