"""The sweeper: settles due deliveries that the queue lost.

Owns the guarantee behind the doorbell: every delivery that waits and is due is taken up, at
start and every second, with Redis or without. May run in several workers at once: claims are
made in the database.
"""

from __future__ import annotations

import asyncio
from datetime import datetime

from sqlalchemy import select, tuple_

from jobs.common.states import DeliveryState
from jobs.common.tasks import every
from jobs.settling.settle import Settler
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

EVERY_SECONDS = 1.0
#: A delivery due for less than this is left to the doorbell.
GRACE_SECONDS = 1.0
#: A round waits this long for what it took up.
ROUND_SECONDS = 2.0
#: Deliveries taken up at once; more are waiting only if a full sweep was found.
SWEEP = 1_000
#: Of a long backlog these last ones are taken up too: new ones do not wait for all the old.
FRESH = 100
#: With more than this waiting in this process no more is taken up.
WAITING = 10_000

#: When a delivery is due, and its id.
Due = tuple[datetime, str]


class Sweeper:
    """Takes up due deliveries."""

    def __init__(self, database: Database, settler: Settler) -> None:
        self._database = database
        self._settler = settler
        self._grace_seconds = 0.0
        self._after: Due | None = None

    async def run(self) -> None:
        """Sweep until cancelled."""
        await every("sweeper", EVERY_SECONDS, self._sweep_all)

    async def _sweep_all(self) -> None:
        """One round. The first leaves nothing to the doorbell, which rang while we were away."""
        await self._settler.attempts.release_interrupted()
        while await self._sweep(self._grace_seconds):
            pass
        self._grace_seconds = GRACE_SECONDS

    async def _sweep(self, grace_seconds: float) -> bool:
        """Settle what is due; return whether more may be waiting.

        Deliveries that take longer than a round go on by themselves: the next round looks behind
        them for others, and starts over at the end, or when this process has enough waiting.
        """
        if self._settler.waiting > WAITING:
            self._after = None
            return False
        oldest, newest = await self._due(grace_seconds)
        is_full = len(oldest) == SWEEP
        self._after = oldest[-1] if is_full else None
        ids = dict.fromkeys(name for _, name in (*oldest, *newest))
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._settler.settle(ids)
        except TimeoutError:
            return False
        self._after = None
        return is_full

    async def _due(self, grace_seconds: float) -> tuple[list[Due], list[Due]]:
        """Those due longest, behind those that are under way; and the last few."""
        columns = deliveries.c
        position = (columns.next_attempt_at, columns.id)
        due = select(*position).where(
            columns.state == DeliveryState.RECEIVED,
            columns.next_attempt_at <= self._database.now(plus_seconds=-grace_seconds),
        )
        first = due if self._after is None else due.where(tuple_(*position) > self._after)
        last = due.order_by(*(column.desc() for column in position)).limit(FRESH)
        async with self._database.read() as connection:
            oldest = await connection.execute(first.order_by(*position).limit(SWEEP))
            newest = await connection.execute(last)
            return [(at, name) for at, name in oldest], [(at, name) for at, name in newest][::-1]
