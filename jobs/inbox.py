"""The inbox: what was acknowledged is committed, and each POST is kept once.

Owns the group commit: whatever arrived while the last commit ran goes into the next, so that
load sets the batch size and a lone request waits for nobody. Refuses to acknowledge from memory:
a caller hears of its delivery only after COMMIT.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from jobs.database import Database
from jobs.errors import InboxUnavailable, is_transient
from jobs.ids import new_id
from jobs.intake import Accepted, Incoming, Intake, Pending

__all__ = ["Accepted", "Inbox", "Incoming"]

log = structlog.get_logger(__name__)

#: A delivery not committed after this long is answered 503; the sender tries again.
COMMIT_SECONDS = 2.0
#: One transaction takes at most this many deliveries and about this many bytes of bodies.
BATCH_DELIVERIES = 500
BATCH_BYTES = 16 * 1024 * 1024
#: More than this waiting means that the database has been away: refuse at once.
WAITING_DELIVERIES = 5_000
WAITING_BYTES = 128 * 1024 * 1024
#: Pause between tries while the database is away.
RETRY_SECONDS = 0.1


class Inbox:
    """Commits deliveries in groups and rings the workers with their ids.

    `ring` is called after each COMMIT with the ids to settle; it must not block or raise.
    """

    def __init__(self, database: Database, ring: Callable[[Sequence[str]], None]) -> None:
        self._intake = Intake(database)
        self._ring = ring
        self._waiting: deque[Pending] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._committer: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the committer; `accept` works from here on."""
        self._committer = asyncio.create_task(self._commit_forever(), name="group-commit")

    async def close(self) -> None:
        """Commit what waits (up to the commit time-out), then stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), COMMIT_SECONDS)
        if self._committer is not None:
            self._committer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._committer

    async def accept(self, incoming: Incoming) -> Accepted:
        """Return once the delivery is committed; raise InboxUnavailable if that took too long.

        A caller that goes away takes nothing with it: the commit goes on.
        """
        if (
            len(self._waiting) >= WAITING_DELIVERIES
            or self._waiting_bytes + len(incoming.body) > WAITING_BYTES
        ):
            raise InboxUnavailable("the database is behind; too many deliveries wait")
        loop = asyncio.get_running_loop()
        pending = Pending(
            incoming, new_id(), loop.create_future(), deadline=loop.time() + COMMIT_SECONDS
        )
        self._waiting.append(pending)
        self._waiting_bytes += len(incoming.body)
        self._idle.clear()
        self._arrived.set()
        try:
            return await asyncio.wait_for(asyncio.shield(pending.done), COMMIT_SECONDS)
        except TimeoutError:
            # Its commit may still land; the sender's repeat is then a duplicate of it.
            raise InboxUnavailable("the database did not commit in time") from None

    async def _commit_forever(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while batch := self._take():
                await self._commit(batch)
            self._idle.set()

    def _take(self) -> list[Pending]:
        """The next group: in order of arrival, without those whose caller has gone."""
        now = asyncio.get_running_loop().time()
        batch: list[Pending] = []
        size = 0
        while self._waiting and len(batch) < BATCH_DELIVERIES and size < BATCH_BYTES:
            pending = self._waiting.popleft()
            self._waiting_bytes -= len(pending.incoming.body)
            if pending.deadline < now:
                pending.refuse("the database did not commit in time")
                continue
            batch.append(pending)
            size += len(pending.incoming.body)
        return batch

    async def _commit(self, batch: list[Pending]) -> None:
        """Commit the group; where it cannot be, each row alone, so that one fails no neighbour."""
        try:
            to_ring = await self._intake.commit(batch)
        except Exception as error:  # noqa: BLE001 - each caller gets its answer, whatever broke
            await self._after_failure(batch, error)
            return
        if to_ring:
            self._ring(to_ring)

    async def _after_failure(self, batch: list[Pending], error: Exception) -> None:
        if is_transient(error):
            log.warning("inbox.commit_failed", deliveries=len(batch), error=str(error)[:300])
            self._waiting.extendleft(reversed(batch))
            self._waiting_bytes += sum(len(pending.incoming.body) for pending in batch)
            await asyncio.sleep(RETRY_SECONDS)
        elif len(batch) == 1:
            log.error("inbox.row_refused", source=batch[0].incoming.source, exc_info=error)
            batch[0].refuse("this delivery could not be committed")
        else:
            for pending in batch:
                await self._commit([pending])
