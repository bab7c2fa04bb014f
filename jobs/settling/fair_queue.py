"""Whose turn it is: the deliveries that wait for an attempt in this process, and slow sources.

Owns that neither a long backlog nor a slow source keeps others waiting: of each batch a part goes
to those asked for last, and sources that map slowly never have all loops to themselves. Refuses to
know what becomes of a delivery; ids only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice

from jobs.settling.fold import ClaimedDelivery

#: A part of each batch is for those asked for last: one in so many.
FRESH_SHARE = 4
#: A source whose last two deliveries took longer than this to map is slow.
SLOW_SECONDS = 0.25

#: Deliveries by id, each with the future of whoever waits for the end of its attempt.
Batch = dict[str, asyncio.Future[None]]


class Turns:
    """The deliveries waiting here; `loops` take them in batches."""

    def __init__(self, loops: int) -> None:
        self._loops = loops
        self._waiting: Batch = {}
        self._arrived = asyncio.Condition()
        self._seconds_of_source: dict[str, float] = {}
        self._last_seconds: dict[str, float] = {}
        self._slow_under_way = 0

    def __len__(self) -> int:
        return len(self._waiting)

    async def ask(self, ids: Iterable[str]) -> list[asyncio.Future[None]]:
        """Queue these, those of them that do not wait yet; the futures end with their attempts."""
        loop = asyncio.get_running_loop()
        futures = [self._waiting.setdefault(one, loop.create_future()) for one in ids]
        await self._tell()
        return futures

    async def again(self, ids: Iterable[str], batch: Batch) -> None:
        """Queue these of a batch again, with who waits for them."""
        for one in ids:
            if one in batch and one not in self._waiting:
                self._waiting[one] = batch.pop(one)
        await self._tell()

    async def take(self, most: int) -> Batch:
        """The next batch, once there is one: the oldest wishes, and some of the newest."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: bool(self._waiting))
            newest = list(islice(reversed(self._waiting), most // FRESH_SHARE))
            batch = {one: self._waiting.pop(one) for one in newest}
            oldest = list(islice(self._waiting, most - len(newest)))
            return batch | {one: self._waiting.pop(one) for one in oldest}

    def let_go(self) -> None:
        """Nobody is waited for any more."""
        for future in self._waiting.values():
            future.cancel()
        self._waiting.clear()

    async def _tell(self) -> None:
        async with self._arrived:
            self._arrived.notify(self._loops)

    def took(self, source: str, seconds: float) -> None:
        """Note how long mapping a delivery of this source took. May be called from a thread.

        The quicker of the last two counts: one may have waited for a busy machine.
        """
        before = self._last_seconds.get(source, 0.0)
        self._seconds_of_source[source] = min(before, seconds)
        self._last_seconds[source] = seconds

    def in_order(
        self, claimed: Iterable[ClaimedDelivery]
    ) -> tuple[list[ClaimedDelivery], list[ClaimedDelivery]]:
        """Those of quick sources and those of slow ones, each in the order of their turns."""
        ordered = sorted(claimed, key=self._place)
        slow = [one for one in ordered if self._place(one)[0] > SLOW_SECONDS]
        return ordered[: len(ordered) - len(slow)], slow

    def _place(self, one: ClaimedDelivery) -> tuple[float, datetime, str]:
        return (self._seconds_of_source.get(one.source, 0.0), one.received_at, one.id)

    def begin_slow(self, slow: Sequence[ClaimedDelivery]) -> bool:
        """Whether these may be mapped now; if so, tell `end_slow` afterwards."""
        if not slow or self._slow_under_way >= max(1, self._loops - 1):
            return False
        self._slow_under_way += 1
        return True

    def end_slow(self) -> None:
        """A loop is done with its slow ones."""
        self._slow_under_way -= 1
