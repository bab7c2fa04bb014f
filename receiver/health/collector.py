"""The numbers in /metrics that are counted now and then: in the database, and around it.

Owns how often. Refuses to hold the other metrics up: a database that is slow or away leaves the
last count.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import structlog

from jobs.alerts.repository import read_unsent
from jobs.audits.auditor import read_audits
from jobs.common.errors import brief
from jobs.common.states import DeliveryState
from jobs.queries.deliveries.status import read_status
from jobs.queries.exceptions.listing import count_exceptions
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from receiver.health.checks.clock import database_offset_seconds
from receiver.health.checks.storage import disk_space
from receiver.health.metrics import Metrics
from receiver.sources.clock_lag import ClockLags

log = structlog.get_logger(__name__)

#: Counting all deliveries is not done more often than this.
COUNT_EVERY_SECONDS = 15.0
COUNT_SECONDS = 5.0


class DatabaseCounts:
    """Keeps the gauges of what is in the database up to date."""

    def __init__(
        self,
        database: Database,
        metrics: Metrics,
        *,
        folder: Path,
        lags: ClockLags,
        mappings: Callable[[], MappingSet],
    ) -> None:
        self._database = database
        self._metrics = metrics
        self._folder = folder
        self._lags = lags
        self._mappings = mappings
        self._counted_at = -COUNT_EVERY_SECONDS

    async def refresh(self) -> None:
        """Count again if it is time to."""
        if monotonic() - self._counted_at < COUNT_EVERY_SECONDS:
            return
        self._counted_at = monotonic()
        try:
            async with asyncio.timeout(COUNT_SECONDS):
                await self._count()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other metrics still count
            log.warning("metrics.refresh_failed", error=brief(error))

    async def _count(self) -> None:
        unsent = await read_unsent(self._database)
        self._metrics.show_alerts(waiting=unsent.waiting, failing=unsent.failing)
        self._metrics.show_surroundings(
            offset_seconds=await database_offset_seconds(self._database),
            lags=self._lags.medians(),
            free_bytes=disk_space(self._folder).free_bytes,
        )
        self._metrics.show_audits(await read_audits(self._database), now=datetime.now(UTC))
        tallies = await count_exceptions(self._database, self._mappings())
        self._metrics.show_exceptions({tally.kind: tally.count for tally in tallies})
        status = await read_status(self._database)
        states: dict[str, int] = {state: int(getattr(status, state)) for state in DeliveryState}
        self._metrics.show_states(states, status.oldest_received_age_seconds)
