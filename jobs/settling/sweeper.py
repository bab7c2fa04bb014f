"""The sweeper: finds what a lost queue forgot.

Owns the guarantee behind the doorbell: every delivery that waits and is due is taken up, at
start and every second, with Redis or without. May run in several workers at once: claims are
made in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy import select, tuple_

from jobs.common.errors import brief, is_transient
from jobs.common.states import DeliveryState
from jobs.replays.runner import ReplayRunner
from jobs.settling.settle import Settler
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0
#: A delivery due for less than this is left to the doorbell.
GRACE_SECONDS = 1.0
#: A round waits this long for what it took up.
ROUND_SECONDS = 2.0
#: Deliveries taken up at once; more are waiting only if a full sweep was found.
SWEEP = 1_000
#: Of a long backlog these last ones are taken up too: news does not wait for all that is old.
FRESH = 100
#: With more than this waiting in this process no more is taken up.
WAITING = 10_000

#: When a delivery is due, and its id.
Due = tuple[datetime, str]


class Sweeper:
    """Takes up due deliveries and moves replays on."""

    def __init__(self, database: Database, settler: Settler, replays: ReplayRunner) -> None:
        self._database = database
        self._settler = settler
        self._replays = replays
        self._grace_seconds = 0.0
        self._behind: Due | None = None

    async def run(self) -> None:
        """Sweep and carry replays on until cancelled: side by side, as a replay may take hours."""
        async with asyncio.TaskGroup() as both:
            both.create_task(_again_and_again(self._sweep_all), name="sweeper")
            both.create_task(_again_and_again(self._replays.advance), name="replays")

    async def _sweep_all(self) -> None:
        """One round. The first leaves nothing to the doorbell, which rang while we were away."""
        await self._settler.forgive_interrupted()
        while await self._sweep(self._grace_seconds):
            pass
        self._grace_seconds = GRACE_SECONDS

    async def _sweep(self, grace_seconds: float) -> bool:
        """Settle what is due; say whether more may be waiting.

        What takes longer than a round goes on by itself: the next round looks behind it for
        others, and begins anew at the end, or when as many wait here as may.
        """
        if self._settler.waiting > WAITING:
            self._behind = None
            return False
        oldest, newest = await self._due(grace_seconds)
        is_full = len(oldest) == SWEEP
        self._behind = oldest[-1] if is_full else None
        ids = dict.fromkeys(one for _, one in (*oldest, *newest))
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._settler.settle(ids)
        except TimeoutError:
            return False
        self._behind = None
        return is_full

    async def _due(self, grace_seconds: float) -> tuple[list[Due], list[Due]]:
        """The longest due, behind what takes its time; and the last few, asked for after them."""
        columns = deliveries.c
        place = (columns.next_attempt_at, columns.id)
        due = select(*place).where(
            columns.state == DeliveryState.RECEIVED,
            columns.next_attempt_at <= self._database.now(plus_seconds=-grace_seconds),
        )
        first = due if self._behind is None else due.where(tuple_(*place) > self._behind)
        last = due.order_by(*(one.desc() for one in place)).limit(FRESH)
        async with self._database.read() as connection:
            oldest = await connection.execute(first.order_by(*place).limit(SWEEP))
            newest = await connection.execute(last)
            return [(at, one) for at, one in oldest], [(at, one) for at, one in newest][::-1]


async def _again_and_again(one_round: Callable[[], Awaitable[None]]) -> None:
    """Run rounds until cancelled; a database that is away is tried again at the next."""
    while True:
        try:
            await one_round()
        except Exception as error:
            if is_transient(error):
                log.warning("sweeper.postponed", error=brief(error))
            else:
                log.exception("sweeper.error")
        await asyncio.sleep(EVERY_SECONDS)
