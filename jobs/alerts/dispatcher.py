"""The notices of one process: looking now and then, and posting what is due.

Owns that a place which does not answer is waited for, quietly, and holds nobody up: nothing of
settling or intake waits here. May run in every process: looking and posting are claimed in the
database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from jobs.alerts.repository import Notice, NoticeBook
from jobs.alerts.watcher import Watcher
from jobs.audits.auditor import Auditor
from jobs.common.errors import JobsError, brief, is_transient
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet

log = structlog.get_logger(__name__)

#: How often one of the processes looks, and how often each asks what is due.
WATCH_SECONDS = 15.0
POST_SECONDS = 2.0
#: Posting takes no longer; the lease of a claimed notice is longer.
POST_TIMEOUT_SECONDS = 30.0
#: What is left of the lease then, to note that it was taken; and the pause between tries.
NOTING_SECONDS = 25.0
NOTING_PAUSE_SECONDS = 0.5
#: A look takes no longer; if its process dies, another one looks after this.
LEASE_SECONDS = 60.0
#: The name under which the rounds are claimed, beside those of the audits.
TURN = "notices"


class NotPosted(JobsError):
    """The notice was not taken; the message says why, and never where it was posted to."""


#: Posts a notice, or raises NotPosted.
Post = Callable[[Notice], Awaitable[object]]


class Teller:
    """Looks for what is to be told, and tells it by `post`."""

    def __init__(
        self, database: Database, post: Post, *, mappings: Callable[[], MappingSet]
    ) -> None:
        self._book = NoticeBook(database)
        self._post = post
        watcher = Watcher(database, mappings)
        self._rounds = Auditor(
            database, {TURN: watcher.look}, every_seconds=WATCH_SECONDS, lease_seconds=LEASE_SECONDS
        )
        self._is_failing = False

    async def run(self) -> None:
        """Look and post until cancelled, side by side: a slow place delays no look."""
        async with asyncio.TaskGroup() as both:
            both.create_task(self._rounds.run(), name="watcher")
            both.create_task(self._post_again_and_again(), name="teller")

    async def look(self) -> None:
        """One round of looking, if it is due and nobody else has it."""
        await self._rounds.do_what_is_due()

    async def post_due(self) -> None:
        """Post what is due, one after the other; after one that is not taken the others wait."""
        while (notice := await self._book.claim()) is not None:
            try:
                async with asyncio.timeout(POST_TIMEOUT_SECONDS):
                    await self._post(notice)
            except (NotPosted, TimeoutError) as error:
                self._tell_of_failure(notice, error)
                await self._book.not_sent(notice)
                return
            await self._note_sent(notice)
            self._is_failing = False
            log.info("alert.sent", kind=notice.kind, notice=notice.id)

    async def _note_sent(self, notice: Notice) -> None:
        """Until the lease ends a database that is away is waited for: else it is posted again."""
        async with asyncio.timeout(NOTING_SECONDS):
            while True:
                try:
                    return await self._book.sent(notice)
                except Exception as error:
                    if not is_transient(error):
                        raise
                    log.warning("alert.postponed", error=brief(error))
                    await asyncio.sleep(NOTING_PAUSE_SECONDS)

    async def _post_again_and_again(self) -> None:
        while True:
            try:
                await self.post_due()
            except Exception as error:
                if is_transient(error):
                    log.warning("alert.postponed", error=brief(error))
                else:
                    log.exception("alert.error")
            await asyncio.sleep(POST_SECONDS)

    def _tell_of_failure(self, notice: Notice, error: Exception) -> None:
        """Once, until a notice is taken again."""
        if not self._is_failing:
            why = str(error) or f"no answer within {POST_TIMEOUT_SECONDS:g} s"
            log.warning("alert.send_failed", kind=notice.kind, notice=notice.id, error=why)
        self._is_failing = True
