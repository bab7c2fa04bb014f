"""Retention: bodies of settled deliveries go after so many days; what they billed stays.

Owns when and how gently. A round walks over what has become old enough since the last one, with a
place kept in memory; now and then it begins anew, for what was failed when it went by. May run in
several workers at once: each step is conditional on the state it finds.
"""

from __future__ import annotations

import asyncio
import time

import structlog
from sqlalchemy import func

from jobs.common.tasks import every
from jobs.privacy.evidence import REMOVABLE, Evidence, remove_bodies
from jobs.privacy.keyset import Place, next_page, place_of
from jobs.storage.batching import by_size
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

log = structlog.get_logger(__name__)

#: Pause between two rounds.
EVERY_SECONDS = 60.0
#: A walk begins anew after this long.
ANEW_SECONDS = 6 * 3600.0
#: Rows looked at in one read: few are more than a flag, most are done with.
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
        self._place: Place | None = None
        self._began = time.monotonic()

    async def run(self) -> None:
        """Round after round until cancelled."""
        await every("retention", EVERY_SECONDS, self.round)

    async def round(self) -> int:
        """Remove what is old enough by now; how many bodies went."""
        if time.monotonic() - self._began > ANEW_SECONDS:
            self._place, self._began = None, time.monotonic()
        removed = 0
        try:
            while (found := await self._page()) is not None:
                removed += found
            if removed:
                await self._database.forget_removed()
        finally:
            if removed:
                log.info("retention.round", removed=removed, days=self._days)
        return removed

    async def _page(self) -> int | None:
        """Walk over one page; None at the end of what is old enough."""
        old = self._database.now(plus_seconds=-self._days * SECONDS_IN_DAY)
        size = func.length(deliveries.c.body).label("size")
        rows = await next_page(self._database, self._place, size, size=PAGE, before=old)
        if not rows:
            return None
        going = [
            (row["id"], row["size"] or 0)
            for row in rows
            if row["evidence"] == Evidence.KEPT and row["state"] in REMOVABLE
        ]
        removed = 0
        for ids in by_size(going):
            began = time.monotonic()
            removed += await remove_bodies(self._database, ids, Evidence.EXPIRED)
            await asyncio.sleep(max(PAUSE_SECONDS, time.monotonic() - began))
        await asyncio.sleep(PAUSE_SECONDS)
        self._place = place_of(rows[-1])
        return removed
