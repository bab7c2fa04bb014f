"""Settling: claimed deliveries are mapped outside, then recorded in one transaction.

Owns batching (load sets the batch size here too), isolation of a delivery that breaks, and what
a fault costs. Refuses to lose a delivery: whatever happens, it stays `received` and due.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set
from functools import partial

import structlog

from jobs.common.errors import brief, is_transient
from jobs.common.tasks import within
from jobs.mapping_store import MappingsOutdated
from jobs.settling import attempts
from jobs.settling.fair_queue import Batch, Turns
from jobs.settling.fold import ClaimedDelivery
from jobs.settling.mapper import Mapper
from jobs.settling.recording import MappedDelivery, Recorder
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS

log = structlog.get_logger(__name__)

#: Deliveries claimed at once; halved with each fault that follows another.
BATCH = 200
#: After this long what is left of a batch goes to the end of the queue: others have their turn.
TURN_SECONDS = 1.0
#: Slow ones, while others of their kind have all the loops that they may have, wait this long.
SLOW_PAUSE_SECONDS = 1.0
#: A loop that leaves suspects to another pauses for this long.
SUSPECTS_SECONDS = 0.1
#: Quick tries of one transaction that met a lock, a deadlock or a lost connection.
TRIES = 4
#: Back-off after those, doubled each time a transient fault follows another, with jitter.
BACKOFF_SECONDS = 0.5
BACKOFF_LONGEST_SECONDS = 10.0
#: At a stop, an attempt under way has this long to end; then as long to be cut off.
ENDING_SECONDS = 2.0
CUT_OFF_SECONDS = 0.5


class Settler:
    """Settles deliveries by id, merging the calls of many jobs into few transactions.

    `mappings` gives the version to use; it is asked once a batch, after `look_for` was told the
    batch's sources. `on_outdated` is called where other mappings are in force in the database, and
    a rule would bill by these for the first time. `loops` transactions run side by side at most,
    so that one that maps slowly does not hold up all.
    """

    def __init__(
        self,
        database: Database,
        mappings: Callable[[], MappingSet],
        *,
        look_for: Callable[[Set[str]], Awaitable[None]] | None = None,
        on_outdated: Callable[[], None] = lambda: None,
        oldest_days: int | None = OLDEST_DAYS,
        loops: int = 2,
    ) -> None:
        self._database = database
        self._mappings = mappings
        self._look_for = look_for
        self._on_outdated = on_outdated
        self._recorder = Recorder(database)
        self._turns = Turns(loops)
        self._loops = loops
        self._tasks: list[asyncio.Task[None]] = []
        self._mapper = Mapper(
            database, threads=loops, oldest_days=oldest_days, took=self._turns.took
        )
        self._under_way: set[asyncio.Task[None]] = set()
        self._to_forgive: set[str] = set()
        self._in_hand: set[str] = set()
        self._at_suspects = asyncio.Lock()
        self._faults = 0

    async def start(self) -> None:
        """Start the settling loops; `settle` works from here on."""
        self._tasks = [
            asyncio.create_task(self._settle_forever(), name=f"settler-{number}")
            for number in range(self._loops)
        ]

    async def watch(self) -> None:
        """Wait for a loop to end, which none does by itself: raises what ended it."""
        done, _ = await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()

    async def close(self) -> None:
        """Stop taking new work, let running transactions end, leave the rest `received`.

        An attempt that does not end soon is cut off, and not held against its deliveries.
        """
        self._turns.let_go()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=ENDING_SECONDS)
        self._turns.let_go()  # of what an attempt put last as it ended
        if self._under_way:
            await self._cut_off()
        self._mapper.close()

    async def _cut_off(self) -> None:
        for attempt in self._under_way:
            attempt.cancel()
        await asyncio.wait(self._under_way, timeout=CUT_OFF_SECONDS)
        log.warning("settle.cut_off", deliveries=len(self._in_hand))
        ids = sorted(self._in_hand)
        await within(CUT_OFF_SECONDS, attempts.forgive(self._database, ids, after_seconds=0))

    async def settle(self, ids: Iterable[str]) -> None:
        """Return when an attempt at each of these ids has ended, whatever became of it."""
        if futures := await self._turns.ask(ids):
            await asyncio.wait(futures)

    @property
    def waiting(self) -> int:
        """How many deliveries wait here for an attempt."""
        return len(self._turns)

    async def forgive_interrupted(self) -> None:
        """Take back the attempts that a transient fault ended, once the database answers again."""
        for ids in chunks(sorted(self._to_forgive)):
            await attempts.forgive(self._database, ids, after_seconds=self._backoff())
            self._to_forgive.difference_update(ids)

    async def _settle_forever(self) -> None:
        while True:
            batch = await self._turns.take(max(1, BATCH >> self._faults))
            attempt = self._begin(batch)
            try:
                await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await asyncio.wait([attempt])  # a transaction under way ends before we do
                raise

    def _begin(self, batch: Batch) -> asyncio.Task[None]:
        attempt = asyncio.create_task(self._attempt(batch))
        self._under_way.add(attempt)
        attempt.add_done_callback(self._under_way.discard)
        attempt.add_done_callback(partial(_answer, batch))
        return attempt

    async def _attempt(self, batch: Batch) -> None:
        """One attempt at each; a fault is logged and never leaves here."""
        ids = list(batch)
        try:
            if claimed := await attempts.claim(self._database, ids):
                await self._settle_claimed(claimed, batch)
            if attempts.is_full(claimed):
                await self._turns.again(set(ids) - {one.id for one in claimed}, batch)
            elif len(claimed) < len(ids):
                await self._attempt_suspects(batch)
        except Exception as error:  # noqa: BLE001 - logged; the rows stay due
            self._note(error, ids)
            await asyncio.sleep(self._backoff())  # nothing was claimed: do not spin

    async def _attempt_suspects(self, batch: Batch) -> None:
        """Those that broke off before: each is claimed and settled alone.

        So one that kills its process takes no neighbour's attempts with it: one loop at a time is
        at them, and another's turn comes once that one is done.
        """
        if self._at_suspects.locked():
            await asyncio.sleep(SUSPECTS_SECONDS)
            return
        async with self._at_suspects:
            await self._attempt_each(batch)

    async def _attempt_each(self, batch: Batch) -> None:
        for one in await attempts.suspects_among(self._database, list(batch)):
            for claimed in await attempts.claim(self._database, [one], suspects=True):
                if claimed.attempts > attempts.LAST_ATTEMPT:
                    log.error(
                        "settle.failed_permanently", delivery=claimed.id, source=claimed.source
                    )
                    await attempts.give_up(self._database, claimed)
                else:
                    await self._settle_claimed([claimed], batch)

    async def _settle_claimed(self, claimed: Sequence[ClaimedDelivery], batch: Batch) -> None:
        """Map and record, quick sources first; after its turn what is left makes way for others."""
        if self._look_for is not None:
            await self._look_for({one.source for one in claimed})
        mappings = self._mappings()
        quick, slow = self._turns.in_order(claimed)
        turn_ends = time.monotonic() + TURN_SECONDS
        ids = [one.id for one in claimed]
        self._in_hand.update(ids)
        try:
            await self._put_last(await self._work_off(quick, mappings, turn_ends), batch)
            if self._turns.begin_slow(slow):
                try:
                    left = await self._work_off(slow, mappings, turn_ends)
                finally:
                    self._turns.end_slow()
                await self._put_last(left, batch)
            else:
                await self._put_last(slow, batch, after_seconds=SLOW_PAUSE_SECONDS)
            self._faults = 0
            self._in_hand.difference_update(ids)
        except Exception as error:
            self._in_hand.difference_update(ids)
            if not is_transient(error):
                raise
            if isinstance(error, MappingsOutdated):
                self._on_outdated()
            self._to_forgive.update(ids)
            self._note(error, ids)

    async def _work_off(
        self, left: Sequence[ClaimedDelivery], mappings: MappingSet, turn_ends: float
    ) -> Sequence[ClaimedDelivery]:
        """Map and record these, slice by slice, until the turn ends; what is left then."""
        while left and time.monotonic() < turn_ends:
            work, broken = await self._mapper.map(left, mappings)
            await self._record_isolating(work, mappings)
            for one, error in broken:
                await self._broke(one, error)
            left = left[len(work) + len(broken) :]
        return left

    async def _put_last(
        self, left: Sequence[ClaimedDelivery], batch: Batch, *, after_seconds: float = 0
    ) -> None:
        """Queue these again, with who waits for them; their attempt has not begun."""
        if not left:
            return
        ids = [one.id for one in left]
        await attempts.forgive(self._database, ids, after_seconds=after_seconds)
        if not after_seconds:
            await self._turns.again(ids, batch)

    async def _record_isolating(self, work: Sequence[MappedDelivery], mappings: MappingSet) -> None:
        """Record these together; if a bug forbids that, each alone, so that one fails no other."""
        if not work:
            return
        try:
            await self._record(work, mappings)
        except Exception as error:
            if is_transient(error):
                raise
            if len(work) == 1:
                await self._broke(work[0].delivery, error)
                return
            log.warning("settle.isolating", deliveries=len(work), error=repr(error)[:300])
            for one in work:
                await self._record_isolating([one], mappings)

    async def _broke(self, claimed: ClaimedDelivery, error: Exception) -> None:
        """A bug: its traceback in the log, the delivery tried a few times more, then failed."""
        log.error(
            "settle.exception",
            delivery=claimed.id,
            source=claimed.source,
            attempts=claimed.attempts,
            exc_info=error,
        )
        if claimed.attempts >= attempts.LAST_ATTEMPT:
            await attempts.give_up(self._database, claimed)
        else:
            pause = min(2.0 ** (claimed.attempts - 1), BACKOFF_LONGEST_SECONDS)
            await attempts.put_off(self._database, [claimed.id], after_seconds=pause)

    async def _record(self, work: Sequence[MappedDelivery], mappings: MappingSet) -> None:
        """Settle these; what meets a lock is tried again, and forgiven if others hold it on.

        A row may be locked by a repeat being counted, or by a worker that looks whether it is due.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                settlements = await self._recorder.settle(work, mappings.versions)
            except MappingsOutdated:
                raise  # to be mapped again, not recorded again
            except Exception as error:
                if not is_transient(error) or not tries_left:
                    raise
            else:
                for delivery_id, settlement in settlements.items():
                    log.debug(
                        "settled",
                        delivery=delivery_id,
                        state=settlement.state,
                        reason=settlement.reason,
                    )
                work = [one for one in work if one.delivery.id not in settlements]
                if not work:
                    return
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
        await attempts.forgive(self._database, [one.delivery.id for one in work], after_seconds=0)

    def _note(self, error: Exception, ids: Sequence[str]) -> None:
        """A fault that ended an attempt: a neighbour's passes, ours is loud; none loses a row."""
        self._faults += 1
        if is_transient(error):
            log.warning("settle.postponed", deliveries=len(ids), error=brief(error))
        else:
            log.error("settle.error", deliveries=len(ids), exc_info=error)

    def _backoff(self) -> float:
        longest = min(BACKOFF_SECONDS * 2.0 ** min(self._faults, 10), BACKOFF_LONGEST_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret


def _answer(batch: Batch, _ended: asyncio.Task[None]) -> None:
    for future in batch.values():
        if not future.done():
            future.set_result(None)
