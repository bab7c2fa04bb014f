"""The settling loops: batches from the fair queue, one attempt each, and an orderly stop.

Owns how many attempts run side by side and how large a batch is: load sets it, faults halve it.
What an attempt does is in `attempt.py`; what follows from its ending in `retry.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Set
from functools import partial

import structlog

from jobs.common.tasks import within
from jobs.ledger.recording import NoteResults
from jobs.settling.attempt import Attempts
from jobs.settling.fair_queue import FairQueue, Waiters
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS

log = structlog.get_logger(__name__)

#: Deliveries claimed at once; halved with each fault that follows another.
BATCH = 200
#: At a stop, an attempt under way has this long to end; then as long to be cut off.
ENDING_SECONDS = 2.0
CUT_OFF_SECONDS = 0.5


class Settler:
    """Settles deliveries by id, merging the calls of many jobs into few transactions.

    `mappings` gives the version to use; it is asked once a batch, after `look_for` was called with
    the batch's sources. `note_results` is part of each settling transaction. `on_outdated` is
    called where other mappings are in force in the database, and a rule would bill by these for
    the first time. `loops` transactions run side by side at most, so that one that maps slowly
    does not hold up all.
    """

    def __init__(
        self,
        database: Database,
        mappings: Callable[[], MappingSet],
        *,
        note_results: NoteResults,
        look_for: Callable[[Set[str]], Awaitable[None]] | None = None,
        on_outdated: Callable[[], None] = lambda: None,
        oldest_days: int | None = OLDEST_DAYS,
        loops: int = 2,
    ) -> None:
        self._queue = FairQueue(loops)
        self._loops = loops
        self._tasks: list[asyncio.Task[None]] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self.attempts = Attempts(
            database,
            self._queue,
            mappings,
            note_results=note_results,
            look_for=look_for,
            on_outdated=on_outdated,
            oldest_days=oldest_days,
            threads=loops,
        )

    async def start(self) -> None:
        """Start the settling loops; `settle` works from here on."""
        self._tasks = [
            asyncio.create_task(self._run(), name=f"settler-{number}")
            for number in range(self._loops)
        ]

    async def watch(self) -> None:
        """Wait for a loop to end, which none does by itself: raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        """Stop taking new work, let running transactions end, leave the rest `received`.

        An attempt that does not end soon is cut off, and does not count for its deliveries.
        """
        self._queue.cancel_all()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ENDING_SECONDS)
        self._queue.cancel_all()  # what an attempt requeued as it ended
        if self._under_way:
            await self._cut_off()
        self.attempts.close()

    async def _cut_off(self) -> None:
        for attempt in self._under_way:
            attempt.cancel()
        await asyncio.wait(self._under_way, timeout=CUT_OFF_SECONDS)
        log.warning("settle.cut_off", deliveries=len(self.attempts.in_hand))
        await within(CUT_OFF_SECONDS, self.attempts.release_in_hand())

    async def settle(self, ids: Iterable[str]) -> None:
        """Return when an attempt at each of these ids has ended, however it ended."""
        if futures := await self._queue.add(ids):
            await asyncio.wait(futures)

    @property
    def waiting(self) -> int:
        """How many deliveries wait here for an attempt."""
        return len(self._queue)

    async def _run(self) -> None:
        """Take batches and run an attempt at each until cancelled."""
        while True:
            batch = await self._queue.take(max(1, BATCH >> self.attempts.faults))
            attempt = asyncio.create_task(self.attempts.run(batch))
            self._under_way.add(attempt)
            attempt.add_done_callback(self._under_way.discard)
            attempt.add_done_callback(partial(_answer, batch))
            try:
                await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await asyncio.wait([attempt])  # a transaction under way ends before we do
                raise


def _answer(batch: Waiters, _ended: asyncio.Task[None]) -> None:
    for future in batch.values():
        if not future.done():
            future.set_result(None)
