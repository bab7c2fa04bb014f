"""Retention: bodies of settled deliveries are removed after a number of days; charges stay.

Owns when, and how gently. A round walks over what has become old enough since the last round; its
position is kept in memory. Every few hours it starts over, for deliveries that were failed when it
passed them. May run in several workers at once: each step is conditional on the state it finds.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy import func, select

from jobs.common.tasks import every
from jobs.privacy.evidence import REMOVABLE, Evidence, remove_bodies
from jobs.storage.batching import by_size
from jobs.storage.database import Database
from jobs.storage.keyset import DELIVERIES, Position
from jobs.storage.schema import deliveries

log = structlog.get_logger(__name__)

#: Pause between two rounds.
EVERY_SECONDS = 60.0
#: A walk starts over after this long.
RESTART_SECONDS = 6 * 3600.0
#: Rows read at once: few have a body to remove, most were dealt with before.
PAGE = 1_000
#: Live traffic has the database for at least this long between two steps, and as long as a step.
PAUSE_SECONDS = 0.05
#: Ages are by the database's clock, as waiting is.
SECONDS_IN_DAY = 86_400


class Retention:
    """Removes bodies older than `days`."""

    def __init__(self, database: Database, *, days: int) -> None:
        self._database = database
        self._days = days
        self._position: Position | None = None
        self._began = time.monotonic()

    async def run(self) -> None:
        """Round after round until cancelled."""
        await every("retention", EVERY_SECONDS, self.round)

    async def round(self) -> int:
        """Remove the bodies that are old enough by now; return their number."""
        if time.monotonic() - self._began > RESTART_SECONDS:
            self._position, self._began = None, time.monotonic()
        removed = 0
        try:
            while (count := await self._page()) is not None:
                removed += count
            if removed:
                await self._database.forget_removed()
        finally:
            if removed:
                log.info("retention.round", removed=removed, days=self._days)
        return removed

    async def _page(self) -> int | None:
        """Remove the bodies of one page; None at the end of what is old enough."""
        columns = deliveries.c
        size = func.length(columns.body).label("size")
        old = columns.received_at < self._database.now(plus_seconds=-self._days * SECONDS_IN_DAY)
        query = select(columns.id, columns.received_at, columns.state, columns.evidence, size)
        async with self._database.read() as connection:
            page = DELIVERIES.forward(query.where(old), self._position, limit=PAGE)
            rows = (await connection.execute(page)).mappings().all()
        if not rows:
            return None
        removable = [
            (row["id"], row["size"] or 0)
            for row in rows
            if row["evidence"] == Evidence.KEPT and row["state"] in REMOVABLE
        ]
        removed = 0
        for ids in by_size(removable):
            began = time.monotonic()
            removed += await remove_bodies(self._database, ids, Evidence.EXPIRED)
            await asyncio.sleep(max(PAUSE_SECONDS, time.monotonic() - began))
        await asyncio.sleep(PAUSE_SECONDS)
        self._position = DELIVERIES.position_of(rows[-1])
        return removed
