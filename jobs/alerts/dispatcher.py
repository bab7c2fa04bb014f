"""The alerts of one process: checking now and then, and posting what is due.

Owns that an address which does not answer is retried, quietly, and holds nothing up: neither
settling nor intake waits here. May run in every process: rounds and alerts are claimed in the
database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from jobs.alerts.alert import Alert
from jobs.alerts.repository import AlertRepository
from jobs.alerts.watcher import Watcher
from jobs.audits.auditor import Auditor
from jobs.common.errors import JobsError, brief, is_transient
from jobs.common.tasks import every
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet

log = structlog.get_logger(__name__)

#: How often one of the processes checks, and how often each asks what is due.
CHECK_SECONDS = 15.0
POST_SECONDS = 2.0
#: Posting takes no longer; the lease of a claimed alert is longer.
POST_TIMEOUT_SECONDS = 30.0
#: What is left of the lease then, to store that it was sent; and the pause between attempts.
STORE_SECONDS = 25.0
STORE_PAUSE_SECONDS = 0.5
#: A round takes no longer; if its process dies, another one takes over after this.
LEASE_SECONDS = 60.0
#: The name under which the rounds are claimed, beside those of the audits.
ROUND = "alerts"


class NotPosted(JobsError):
    """The alert was not accepted; the message gives the reason, and never the address."""


#: Posts an alert, or raises NotPosted.
Post = Callable[[Alert], Awaitable[object]]


class AlertDispatcher:
    """Finds what to alert on, and sends it by `post`."""

    def __init__(
        self, database: Database, post: Post, *, mappings: Callable[[], MappingSet]
    ) -> None:
        self._repository = AlertRepository(database)
        self._post = post
        watcher = Watcher(database, mappings)
        self._rounds = Auditor(
            database,
            {ROUND: watcher.check},
            every_seconds=CHECK_SECONDS,
            lease_seconds=LEASE_SECONDS,
        )
        self._is_failing = False

    async def run(self) -> None:
        """Check and post until cancelled, side by side: a slow address delays no check."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._rounds.run(), name="watcher")
            both.create_task(every("alert", POST_SECONDS, self.post_due), name="dispatcher")

    async def check(self) -> None:
        """One round of checks, if it is due and no other process has it."""
        await self._rounds.run_due()

    async def post_due(self) -> None:
        """Post what is due, one after the other; after one that is not accepted the others wait."""
        while (alert := await self._repository.claim()) is not None:
            try:
                async with asyncio.timeout(POST_TIMEOUT_SECONDS):
                    await self._post(alert)
            except (NotPosted, TimeoutError) as error:
                self._log_failure(alert, error)
                await self._repository.not_sent(alert)
                return
            await self._store_sent(alert)
            self._is_failing = False
            log.info("alert.sent", kind=alert.kind, alert=alert.id)

    async def _store_sent(self, alert: Alert) -> None:
        """Retry within the lease while the database is away: else the alert is posted again."""
        async with asyncio.timeout(STORE_SECONDS):
            while True:
                try:
                    return await self._repository.sent(alert)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("alert.postponed", error=brief(error))
                    await asyncio.sleep(STORE_PAUSE_SECONDS)

    def _log_failure(self, alert: Alert, error: Exception) -> None:
        """Once, until an alert is accepted again."""
        if not self._is_failing:
            reason = str(error) or f"no answer within {POST_TIMEOUT_SECONDS:g} s"
            log.warning("alert.send_failed", kind=alert.kind, alert=alert.id, error=reason)
        self._is_failing = True
