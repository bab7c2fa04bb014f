"""The inbox: what was acknowledged is committed, and each POST is kept once.

Owns the group commit: what arrives while a commit runs goes into the next one, so that load sets
the batch size and a lone request waits for no other. Refuses to acknowledge from memory: a caller
is answered only after COMMIT.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Sequence

import structlog

from jobs.common.errors import InboxUnavailable, brief, in_words, is_held_up, is_transient
from jobs.common.ids import new_id
from jobs.intake.commit import TRANSACTION_SECONDS, Accepted, Incoming, Intake, Pending
from jobs.storage.database import Database, open_database
from jobs.storage.schema import deliveries

__all__ = ["Accepted", "Inbox", "Incoming", "open_for_intake"]

log = structlog.get_logger(__name__)

#: A delivery not committed after this long is answered 503, so that the sender has its answer
#: within 2 s and tries again.
COMMIT_SECONDS = 1.6
#: Wait for another transaction's lock on one row: the whole group waits too.
LOCK_SECONDS = 0.4
#: Wait for a lock that is known to be held.
KNOWN_LOCK_SECONDS = 0.05
#: Connections for intake alone: one commits, one checks whether that is possible.
CONNECTIONS = 2
#: A failure to commit is believed for this long, unless a commit succeeds.
BELIEVED_SECONDS = 3.0
#: One transaction takes at most this many deliveries and about this many bytes of bodies.
BATCH_DELIVERIES = 500
BATCH_BYTES = 16 * 1024 * 1024
#: More than this waiting means that the database has been away: refuse at once.
WAITING_DELIVERIES = 5_000
WAITING_BYTES = 128 * 1024 * 1024
#: Pause between tries while the database is away.
RETRY_SECONDS = 0.1
#: So many deliveries in a row that find a lock say that all would.
LOCKS_IN_A_ROW = 10
#: A committer that is cancelled has this long to end.
END_SECONDS = 0.5


def open_for_intake(url: str) -> Database:
    """An engine for an inbox alone, so that no long read elsewhere takes its connections.

    A statement that takes longer than a transaction may has lost its connection; the next try
    uses a new one.
    """
    return open_database(
        url,
        pool_size=CONNECTIONS,
        statement_seconds=TRANSACTION_SECONDS - 1,
        lock_seconds=LOCK_SECONDS,
        eager=True,
    )


class Inbox:
    """Commits deliveries in groups and rings the workers with their ids.

    `ring` is called after each COMMIT with the ids to settle; it must not block or raise.
    """

    def __init__(self, database: Database, ring: Callable[[Sequence[str]], None]) -> None:
        self._database = database
        self._intake = Intake(database)
        self._ring = ring
        self._waiting: deque[Pending] = deque()
        self._held_up: deque[Pending] = deque()
        self._waiting_bytes = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._committer: asyncio.Task[None] | None = None
        self._failure: InboxUnavailable | None = None
        self._failed_at = 0.0
        self._began_at: float | None = None

    async def start(self) -> None:
        """Start the committer; `accept` works from here on."""
        self._committer = asyncio.create_task(self._commit_forever(), name="group-commit")

    async def close(self) -> None:
        """Commit what waits (up to the commit time-out), then stop."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), COMMIT_SECONDS)
        if self._committer is not None:
            self._committer.cancel()
            # A transaction on a connection that is dead may take its time to be cancelled.
            await asyncio.wait({self._committer}, timeout=END_SECONDS)

    async def ensure_committing(self) -> None:
        """Raise where a delivery could not be committed now.

        While commits do not come to an end, while the last one failed (a disk may have room for
        little things yet), and while another transaction has the table locked.
        """
        now = asyncio.get_running_loop().time()
        if self._began_at is not None and now - self._began_at > COMMIT_SECONDS:
            raise InboxUnavailable("the database does not answer in time")
        if self._failure is not None and now - self._failed_at < BELIEVED_SECONDS:
            raise self._failure
        await self._database.ensure_writable(deliveries)

    async def accept(self, incoming: Incoming) -> Accepted:
        """Return once the delivery is committed; raise InboxUnavailable if that took too long.

        A caller that goes away takes nothing with it: the commit goes on.
        """
        if (
            len(self._waiting) + len(self._held_up) >= WAITING_DELIVERIES
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
                error = await self._commit(batch)
                if error is not None:
                    await self._recover(batch, error)
            self._idle.set()

    def _take(self) -> list[Pending]:
        """The next group: in order of arrival, without those whose caller has gone.

        One that met a lock is tried again when no other waits, and alone.
        """
        held_up = {pending.key for pending in self._held_up}
        batch: list[Pending] = []
        size = 0
        while len(batch) < BATCH_DELIVERIES and size < BATCH_BYTES:
            pending = self._next(self._waiting)
            if pending is None:
                break
            if pending.key in held_up:
                self._put_aside(pending)
                continue
            batch.append(pending)
            size += len(pending.incoming.body)
        if not batch and (pending := self._next(self._held_up)) is not None:
            batch.append(pending)
        return batch

    def _next(self, queue: deque[Pending]) -> Pending | None:
        now = asyncio.get_running_loop().time()
        while queue:
            pending = queue.popleft()
            self._waiting_bytes -= len(pending.incoming.body)
            if pending.deadline >= now:
                return pending
            pending.refuse("the database did not commit in time")
        return None

    async def _commit(
        self, batch: list[Pending], *, lock_seconds: float | None = None
    ) -> Exception | None:
        """Commit these and ring; return the error if that failed."""
        self._began_at = asyncio.get_running_loop().time()
        try:
            to_ring = await self._intake.commit(batch, lock_seconds=lock_seconds)
        except Exception as error:  # noqa: BLE001 - each caller gets its answer, whatever broke
            return error
        finally:
            self._began_at = None
        self._failure = None
        if to_ring:
            self._ring(to_ring)
        return None

    async def _recover(self, batch: list[Pending], error: Exception) -> None:
        """Wait while nothing can be committed; else commit each row alone: one fails no other."""
        if is_transient(error) and not is_held_up(error):
            await self._put_back(batch, error)
        else:
            await self._commit_apart(batch)

    async def _commit_apart(self, batch: list[Pending]) -> None:
        """Commit each row alone until the failing ones are found, then the rest together.

        Many rows in succession that meet a lock mean that the lock is not on rows.
        """
        rest, held_up = batch, 0
        while rest:
            pending, *rest = rest
            error = await self._commit([pending], lock_seconds=KNOWN_LOCK_SECONDS)
            if error is None:
                held_up = 0
            elif is_held_up(error):
                self._put_aside(pending)
                held_up += 1
                if held_up == LOCKS_IN_A_ROW:
                    await self._put_back(rest, error)
                    return
                if rest and await self._commit(rest, lock_seconds=KNOWN_LOCK_SECONDS) is None:
                    return
            elif is_transient(error):
                await self._put_back([pending, *rest], error)
                return
            else:
                log.error("inbox.row_refused", source=pending.incoming.source, exc_info=error)
                pending.refuse("this delivery could not be committed")

    async def _put_back(self, batch: list[Pending], error: Exception) -> None:
        """Let these wait for the next try: nothing can be committed now."""
        log.warning("inbox.commit_failed", deliveries=len(batch), error=brief(error))
        self._failure = InboxUnavailable(in_words(error))
        self._failed_at = asyncio.get_running_loop().time()
        self._waiting.extendleft(reversed(batch))
        self._waiting_bytes += sum(len(pending.incoming.body) for pending in batch)
        await asyncio.sleep(RETRY_SECONDS)

    def _put_aside(self, pending: Pending) -> None:
        """Let a delivery locked by another transaction wait behind all others."""
        self._held_up.append(pending)
        self._waiting_bytes += len(pending.incoming.body)
