"""Settling: claimed deliveries are mapped outside, then recorded in one transaction.

Owns batching (load sets the batch size here too), isolation of a delivery that breaks, and what
a fault costs. Refuses to lose a delivery: whatever happens, it stays `received` and due.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import structlog

from jobs import attempts
from jobs.database import Database
from jobs.errors import is_transient
from jobs.fold import Claimed
from jobs.recording import Recorder, Work
from mappings.load import MappingSet
from mappings.types import OLDEST_DAYS, DeliveryInput

log = structlog.get_logger(__name__)

#: Deliveries in one settling transaction.
BATCH = 200
#: Quick tries of one transaction that met a lock, a deadlock or a lost connection.
TRIES = 4
#: Back-off after those, doubled each time a transient fault follows another, with jitter.
BACKOFF_SECONDS = 0.5
BACKOFF_LONGEST_SECONDS = 10.0
#: How often the lease of a long mapping is moved on.
KEEP_ALIVE_SECONDS = 2.0

#: A delivery id and who waits for the end of its attempt.
Waiting = tuple[str, asyncio.Future[None]]
#: A delivery that mapping broke on, and how.
Broken = tuple[Claimed, Exception]


class Settler:
    """Settles deliveries by id, merging the calls of many jobs into few transactions.

    `mappings` gives the version to use; it is asked once a batch. `loops` transactions run side
    by side at most (1 on SQLite, which has one writer).
    """

    def __init__(
        self,
        database: Database,
        mappings: Callable[[], MappingSet],
        *,
        oldest_days: int | None = OLDEST_DAYS,
        loops: int = 2,
    ) -> None:
        self._database = database
        self._mappings = mappings
        self._oldest_days = oldest_days
        self._recorder = Recorder(database)
        self._waiting: dict[str, asyncio.Future[None]] = {}
        self._arrived = asyncio.Condition()
        self._loops = 1 if database.is_sqlite else loops
        self._tasks: list[asyncio.Task[None]] = []
        self._mapper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="mapper")
        self._under_way: set[asyncio.Task[None]] = set()
        self._to_forgive: set[str] = set()
        self._faults = 0

    async def start(self) -> None:
        """Start the settling loops; `settle` works from here on."""
        self._tasks = [
            asyncio.create_task(self._settle_forever(), name=f"settler-{number}")
            for number in range(self._loops)
        ]

    async def close(self) -> None:
        """Stop taking new work, let running transactions end, leave the rest `received`."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._mapper.shutdown(wait=False, cancel_futures=True)

    async def settle(self, ids: Iterable[str]) -> None:
        """Return when an attempt at each of these ids has ended, whatever became of it."""
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(one, loop.create_future()) for one in ids]
        if not futures:
            return
        async with self._arrived:
            self._arrived.notify(self._loops)
        await asyncio.wait(futures)

    async def forgive_interrupted(self) -> None:
        """Take back the attempts that a transient fault ended, once the database answers again."""
        ids = sorted(self._to_forgive)
        if ids:
            await attempts.forgive(self._database, ids, after_seconds=self._backoff())
            self._to_forgive.difference_update(ids)

    async def _settle_forever(self) -> None:
        while True:
            async with self._arrived:
                await self._arrived.wait_for(lambda: bool(self._waiting))
                batch = [(one, self._waiting.pop(one)) for one in list(self._waiting)[:BATCH]]
            attempt = self._begin(batch)
            try:
                await asyncio.shield(attempt)
            except asyncio.CancelledError:
                await asyncio.wait([attempt])  # a transaction under way ends before we do
                raise

    def _begin(self, batch: Sequence[Waiting]) -> asyncio.Task[None]:
        attempt = asyncio.create_task(self._attempt([one for one, _ in batch]))  # noqa: RUF006 - kept below
        self._under_way.add(attempt)
        attempt.add_done_callback(self._under_way.discard)
        attempt.add_done_callback(partial(_answer, batch))
        return attempt

    async def _attempt(self, ids: Sequence[str]) -> None:
        """One attempt at each; a fault is logged and never leaves here."""
        try:
            if claimed := await attempts.claim(self._database, ids):
                await self._settle_claimed(claimed)
            if len(claimed) < len(ids):
                await self._attempt_suspects(ids)
        except Exception as error:  # noqa: BLE001 - logged; the rows stay due
            self._note(error, ids)
            await asyncio.sleep(self._backoff())  # nothing was claimed: do not spin

    async def _attempt_suspects(self, ids: Sequence[str]) -> None:
        """Those that broke off before: each is claimed and settled alone.

        So one that kills its process takes no neighbour's attempts with it.
        """
        for one in await attempts.suspects_among(self._database, ids):
            for claimed in await attempts.claim(self._database, [one], suspects=True):
                if claimed.attempts > attempts.LAST_ATTEMPT:
                    log.error("settle.gave_up", delivery=claimed.id, source=claimed.source)
                    await attempts.give_up(self._database, claimed)
                else:
                    await self._settle_claimed([claimed])

    async def _settle_claimed(self, claimed: Sequence[Claimed]) -> None:
        ids = [one.id for one in claimed]
        try:
            await self._map_and_record(claimed)
            self._faults = 0
        except Exception as error:  # noqa: BLE001 - sorted here into transient, row and bug
            if is_transient(error):
                self._to_forgive.update(ids)
                self._note(error, ids)
            elif len(claimed) > 1:
                log.warning("settle.isolating", deliveries=len(claimed), error=repr(error)[:300])
                for one in claimed:
                    await self._settle_claimed([one])
            else:
                await self._broke(claimed[0], error)

    async def _broke(self, claimed: Claimed, error: Exception) -> None:
        """A bug: its traceback in the log, the delivery tried a few times more, then failed."""
        log.error(
            "settle.broke",
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

    async def _map_and_record(self, claimed: Sequence[Claimed]) -> None:
        mappings = self._mappings()
        work, broken = await self._map(claimed, mappings)
        await self._record(work, mappings)
        for one, error in broken:
            await self._broke(one, error)

    async def _record(self, work: Sequence[Work], mappings: MappingSet) -> None:
        """Settle these; what meets a lock is tried again, and forgiven if others hold it on.

        A row may be locked by a repeat being counted, or by a worker that looks whether it is due.
        """
        for tries_left in reversed(range(TRIES)):
            try:
                fates = await self._recorder.settle(work, mappings.versions)
            except Exception as error:
                if not is_transient(error) or not tries_left:
                    raise
            else:
                for delivery_id, fate in fates.items():
                    log.debug("settled", delivery=delivery_id, state=fate.state, reason=fate.reason)
                work = [one for one in work if one.delivery.id not in fates]
                if not work:
                    return
            await asyncio.sleep(random.uniform(0.01, 0.1))  # noqa: S311 - jitter, not a secret
        await attempts.forgive(self._database, [one.delivery.id for one in work], after_seconds=0)

    async def _map(
        self, claimed: Sequence[Claimed], mappings: MappingSet
    ) -> tuple[list[Work], list[Broken]]:
        """Map in the mapper's thread, so that a slow expression stops no heartbeat."""
        loop = asyncio.get_running_loop()
        mapping = loop.run_in_executor(self._mapper, self._map_all, claimed, mappings)
        while True:
            done, _ = await asyncio.wait([mapping], timeout=KEEP_ALIVE_SECONDS)
            if done:
                return mapping.result()
            await attempts.keep_alive(self._database, [one.id for one in claimed])

    def _map_all(
        self, claimed: Sequence[Claimed], mappings: MappingSet
    ) -> tuple[list[Work], list[Broken]]:
        work: list[Work] = []
        broken: list[Broken] = []
        for one in claimed:
            try:
                work.append(Work(one, mappings.map(self._input(one))))
            except Exception as error:  # noqa: BLE001 - a bug met by one row is that row's alone
                broken.append((one, error))
        return work, broken

    def _input(self, claimed: Claimed) -> DeliveryInput:
        return delivery_input(claimed, oldest_days=self._oldest_days)

    def _note(self, error: Exception, ids: Sequence[str]) -> None:
        """A fault that ended an attempt: a neighbour's passes, ours is loud; none loses a row."""
        self._faults += 1
        if is_transient(error):
            log.warning("settle.put_off", deliveries=len(ids), error=str(error)[:300])
        else:
            log.error("settle.fault", deliveries=len(ids), exc_info=error)

    def _backoff(self) -> float:
        longest = min(BACKOFF_SECONDS * 2.0 ** min(self._faults, 10), BACKOFF_LONGEST_SECONDS)
        return random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret


def _answer(batch: Sequence[Waiting], _ended: asyncio.Task[None]) -> None:
    for _, future in batch:
        if not future.done():
            future.set_result(None)


def delivery_input(claimed: Claimed, *, oldest_days: int | None) -> DeliveryInput:
    """The delivery as the mapping sees it."""
    return DeliveryInput(
        source=claimed.source,
        body=claimed.body,
        headers=claimed.headers,
        received_at=claimed.received_at,
        vendor_id=claimed.vendor_id,
        oldest_days=oldest_days,
    )
