"""One attempt at a batch: claim, map, record.

Owns the isolation of a delivery that breaks, and the turns of quick and slow sources. Refuses to
lose a delivery: however an attempt ends, it stays `received` and due, by the table of `retry.py`.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence, Set

import structlog

from jobs.common.errors import brief
from jobs.ledger.fold import ClaimedDelivery
from jobs.ledger.recording import MappedDelivery, NoteResults, Recorder
from jobs.settling import claims
from jobs.settling.fair_queue import FairQueue, Waiters
from jobs.settling.mapper import Mapper
from jobs.settling.retry import RETRIES, Ending, backoff_seconds, ending_of
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet

log = structlog.get_logger(__name__)

#: After this long what is left of a batch goes to the end of the queue: others have their turn.
TURN_SECONDS = 1.0
#: A loop that leaves poisoned deliveries to another pauses for this long.
POISONED_SECONDS = 0.1
#: Quick tries of one transaction that met a lock, a deadlock or a lost connection.
TRIES = 4


class Attempts:
    """Runs attempts, several side by side; `faults` counts those in a row that a fault ended."""

    def __init__(
        self,
        database: Database,
        queue: FairQueue,
        mappings: Callable[[], MappingSet],
        *,
        note_results: NoteResults,
        look_for: Callable[[Set[str]], Awaitable[None]] | None,
        on_outdated: Callable[[], None],
        oldest_days: int | None,
        threads: int,
    ) -> None:
        self._database = database
        self._queue = queue
        self._mappings = mappings
        self._look_for = look_for
        self._on_outdated = on_outdated
        self._mapper = Mapper(
            database, threads=threads, oldest_days=oldest_days, on_mapped=queue.note_mapping
        )
        self._at_poisoned = asyncio.Lock()
        self._interrupted: set[str] = set()
        self._note_results = note_results
        self.recorder = Recorder(database, note_results)
        self.in_hand: set[str] = set()
        self.faults = 0

    def close(self) -> None:
        """Begin no further mapping."""
        self._mapper.close()

    async def run(self, batch: Waiters) -> None:
        """One attempt at each delivery; a fault is logged and never leaves here."""
        ids = list(batch)
        try:
            if claimed := await claims.claim(self._database, ids):
                await self._settle(claimed, batch)
            if claims.is_full(claimed):
                await self._queue.requeue(set(ids) - {delivery.id for delivery in claimed}, batch)
            elif len(claimed) < len(ids):
                await self._settle_poisoned(batch)
        except Exception as error:  # noqa: BLE001 - logged; the rows stay due
            self._note_fault(error, ids)
            await asyncio.sleep(self._backoff())  # nothing was claimed: do not spin

    async def release_interrupted(self) -> None:
        """Take back the attempts that a fault ended, once the database answers again."""
        for ids in chunks(sorted(self._interrupted)):
            await claims.release(self._database, ids, after_seconds=self._backoff())
            self._interrupted.difference_update(ids)

    async def release_in_hand(self) -> None:
        """Take back the attempts that a stop cut off."""
        pause = RETRIES[Ending.STOPPED].pause_seconds(1)
        await claims.release(self._database, sorted(self.in_hand), after_seconds=pause)

    async def _settle_poisoned(self, batch: Waiters) -> None:
        """Claim and settle each poisoned delivery alone, one loop at a time.

        So one that kills its process takes no neighbour's attempts with it.
        """
        if self._at_poisoned.locked():
            await asyncio.sleep(POISONED_SECONDS)
            return
        async with self._at_poisoned:
            for delivery_id in await claims.poisoned_among(self._database, list(batch)):
                for claimed in await claims.claim(self._database, [delivery_id], poisoned=True):
                    if RETRIES[Ending.KILLED].is_exhausted(claimed.attempts):
                        log.error(
                            "settle.failed_permanently", delivery=claimed.id, source=claimed.source
                        )
                        await claims.fail_permanently(self._database, claimed, self._note_results)
                    else:
                        await self._settle([claimed], batch)

    async def _settle(self, claimed: Sequence[ClaimedDelivery], batch: Waiters) -> None:
        """Map and record, quick sources first, on one version of the mappings."""
        if self._look_for is not None:
            await self._look_for({delivery.source for delivery in claimed})
        mappings = self._mappings()
        quick, slow = self._queue.by_speed(claimed)
        turn_ends = time.monotonic() + TURN_SECONDS
        ids = [delivery.id for delivery in claimed]
        self.in_hand.update(ids)
        try:
            await self._map_and_record(quick, mappings, turn_ends, batch)
            if slow:
                with self._queue.slow_slot() as is_free:
                    if is_free:
                        await self._map_and_record(slow, mappings, turn_ends, batch)
                    else:
                        await self._retry(Ending.SLOW, slow)
            self.faults = 0
            self.in_hand.difference_update(ids)
        except Exception as error:
            self.in_hand.difference_update(ids)
            ending = ending_of(error)
            if ending is Ending.BUG:
                raise
            if ending is Ending.OUTDATED:
                self._on_outdated()
            self._interrupted.update(ids)
            self._note_fault(error, ids)

    async def _map_and_record(
        self,
        left: Sequence[ClaimedDelivery],
        mappings: MappingSet,
        turn_ends: float,
        batch: Waiters,
    ) -> None:
        """Map and record these, slice by slice; what is left when the turn ends is requeued."""
        while left and time.monotonic() < turn_ends:
            mapped, broken = await self._mapper.map(left, mappings)
            if mapped:
                await self._record(mapped, mappings)
            for delivery, error in broken:
                await self._retry_bug(delivery, error)
            left = left[len(mapped) + len(broken) :]
        if left:
            await self._retry(Ending.TURN_OVER, left)
            await self._queue.requeue([delivery.id for delivery in left], batch)

    async def _record(self, mapped: Sequence[MappedDelivery], mappings: MappingSet) -> None:
        """Record these in one transaction; where a bug prevents that, each in one of its own.

        What meets a lock is tried again at once: a row may be locked by a repeat being counted, or
        by a worker that looks whether it is due.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                settlements = await self.recorder.settle(mapped, mappings.versions)
            except Exception as error:
                ending = ending_of(error)
                if ending is Ending.BUG:
                    await self._isolate(mapped, mappings, error)
                    return
                # Outdated mappings: to be mapped again, not recorded again.
                if ending is not Ending.FAULT or not tries_left:
                    raise
            else:
                for delivery_id, settled in settlements.items():
                    state, reason = settled.state, settled.reason
                    log.debug("settled", delivery=delivery_id, state=state, reason=reason)
                mapped = [work for work in mapped if work.delivery.id not in settlements]
                if not mapped:
                    return
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
        await self._retry(Ending.LOCKED, [work.delivery for work in mapped])

    async def _isolate(
        self, mapped: Sequence[MappedDelivery], mappings: MappingSet, bug: Exception
    ) -> None:
        """Record each alone; the delivery that the bug is met with is tried again later."""
        if len(mapped) == 1:
            await self._retry_bug(mapped[0].delivery, bug)
            return
        log.warning("settle.isolating", deliveries=len(mapped), error=repr(bug)[:300])
        for work in mapped:
            await self._record([work], mappings)

    async def _retry_bug(self, delivery: ClaimedDelivery, error: Exception) -> None:
        """A bug: its traceback in the log, the delivery tried a few times more, then failed."""
        log.error(
            "settle.exception",
            delivery=delivery.id,
            source=delivery.source,
            attempts=delivery.attempts,
            exc_info=error,
        )
        if RETRIES[Ending.BUG].is_exhausted(delivery.attempts):
            await claims.fail_permanently(self._database, delivery, self._note_results)
        else:
            await self._retry(Ending.BUG, [delivery], times=delivery.attempts)

    async def _retry(
        self, ending: Ending, deliveries: Iterable[ClaimedDelivery], *, times: int = 1
    ) -> None:
        """Write what the retry policy makes of attempts that ended so."""
        retry = RETRIES[ending]
        write = claims.reschedule if retry.counts else claims.release
        ids = [delivery.id for delivery in deliveries]
        await write(self._database, ids, after_seconds=retry.pause_seconds(times))

    def _note_fault(self, error: Exception, ids: Sequence[str]) -> None:
        """Log a fault that ended an attempt; a bug with its traceback."""
        self.faults += 1
        if ending_of(error) is Ending.BUG:
            log.error("settle.error", deliveries=len(ids), exc_info=error)
        else:
            log.warning("settle.postponed", deliveries=len(ids), error=brief(error))

    def _backoff(self) -> float:
        longest = backoff_seconds(self.faults)
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
