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
        metrics, now = self._metrics, datetime.now(UTC)
        unsent = await read_unsent(self._database)
        metrics.set("receiver_alerts_pending", unsent.waiting)
        metrics.set("receiver_alerts_failing", unsent.failing)
        offset = await database_offset_seconds(self._database)
        metrics.set("receiver_database_clock_offset_seconds", offset)
        lags = {source: lag for source, (lag, _) in self._lags.medians().items()}
        metrics.set_each("receiver_signed_lag_seconds", lags)
        metrics.set("receiver_data_dir_free_bytes", disk_space(self._folder).free_bytes)
        ages: dict[str, float] = {}
        found: dict[str, float] = {}
        for audit in await read_audits(self._database):
            if audit.checked_at is not None:
                found[audit.name] = audit.found
                ages[audit.name] = max((now - audit.checked_at).total_seconds(), 0.0)
        metrics.set_each("receiver_audit_found", found)
        metrics.set_each("receiver_audit_age_seconds", ages)
        tallies = await count_exceptions(self._database, self._mappings())
        metrics.set_each("receiver_exceptions", {tally.kind: tally.count for tally in tallies})
        status = await read_status(self._database)
        states: dict[str, float] = {state: getattr(status, state) for state in DeliveryState}
        metrics.set_each("receiver_deliveries_by_state", states)
        age = status.oldest_received_age_seconds
        metrics.set("receiver_oldest_received_age_seconds", age or 0.0)
