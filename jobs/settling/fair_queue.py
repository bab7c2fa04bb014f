"""The deliveries that wait for an attempt in this process, and which sources are slow.

Owns that neither a long backlog nor a slow source keeps others waiting: a part of each batch is
for the deliveries queued last, and sources that map slowly never have all loops to themselves.
Refuses to know how deliveries settle; ids only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

from jobs.ledger.fold import ClaimedDelivery

#: A part of each batch is for those queued last: one in so many.
FRESH_SHARE = 4
#: A source whose last two deliveries took longer than this to map is slow.
SLOW_SECONDS = 0.25

#: Deliveries by id, each with the future that its callers await: the end of its attempt.
Waiters = dict[str, asyncio.Future[None]]


class FairQueue:
    """The deliveries waiting here; `loops` take them in batches."""

    def __init__(self, loops: int) -> None:
        self._loops = loops
        self._waiting: Waiters = {}
        self._arrived = asyncio.Condition()
        self._seconds_of_source: dict[str, float] = {}
        self._last_seconds: dict[str, float] = {}
        self._slow_under_way = 0

    def __len__(self) -> int:
        return len(self._waiting)

    async def add(self, ids: Iterable[str]) -> list[asyncio.Future[None]]:
        """Queue the deliveries that do not wait yet; the futures end with their attempts."""
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(name, loop.create_future()) for name in ids]
        async with self._arrived:
            self._arrived.notify(self._loops)
        return futures

    async def requeue(self, ids: Iterable[str], batch: Waiters) -> None:
        """Move these deliveries of a batch to the end of the queue, with their callers."""
        for delivery_id in ids:
            if delivery_id in batch and delivery_id not in self._waiting:
                self._waiting[delivery_id] = batch.pop(delivery_id)
        async with self._arrived:
            self._arrived.notify(self._loops)

    async def take(self, most: int) -> Waiters:
        """The next batch, once there is one: those queued first, and some of those queued last."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self._waiting))
            newest = list(islice(reversed(self._waiting), most // FRESH_SHARE))
            batch = {name: self._waiting.pop(name) for name in newest}
            oldest = list(islice(self._waiting, most - len(newest)))
            return batch | {name: self._waiting.pop(name) for name in oldest}

    def cancel_all(self) -> None:
        """Empty the queue and cancel what callers await."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    def note_mapping(self, source: str, seconds: float) -> None:
        """Note how long mapping a delivery of this source took. May be called from a thread.

        The quicker of the last two counts: one may have waited for a busy machine.
        """
        before = self._last_seconds.get(source, 0.0)
        self._seconds_of_source[source] = min(before, seconds)
        self._last_seconds[source] = seconds

    def by_speed(
        self, claimed: Iterable[ClaimedDelivery]
    ) -> tuple[list[ClaimedDelivery], list[ClaimedDelivery]]:
        """The deliveries of quick sources and those of slow ones, each in order of their turns."""
        seconds = self._seconds_of_source
        ordered = sorted(
            claimed,
            key=lambda delivery: (
                seconds.get(delivery.source, 0.0),
                delivery.received_at,
                delivery.id,
            ),
        )
        slow = [each for each in ordered if seconds.get(each.source, 0.0) > SLOW_SECONDS]
        return ordered[: len(ordered) - len(slow)], slow

    @contextmanager
    def slow_slot(self) -> Iterator[bool]:
        """Yield whether slow deliveries may be mapped now; one loop is kept free of them."""
        is_free = self._slow_under_way < max(1, self._loops - 1)
        self._slow_under_way += is_free
        try:
            yield is_free
        finally:
            self._slow_under_way -= is_free
