"""The sweeper: finds what a lost queue forgot.

Owns the guarantee behind the doorbell: every delivery that waits and is due is taken up, at
start and every second, with Redis or without. May run in several workers at once: claims are
made in the database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from sqlalchemy import select

from jobs.database import Database
from jobs.errors import is_transient
from jobs.replay_runner import ReplayRunner
from jobs.schema import deliveries
from jobs.settle import Settler

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0
#: A delivery due for less than this is left to the doorbell.
GRACE_SECONDS = 1.0
#: A round waits this long for what it took up.
ROUND_SECONDS = 2.0
#: Deliveries taken up at once; more are waiting only if a full sweep was found.
SWEEP = 1_000


class Sweeper:
    """Takes up due deliveries and moves replays on."""

    def __init__(self, database: Database, settler: Settler, replays: ReplayRunner) -> None:
        self._database = database
        self._settler = settler
        self._replays = replays
        self._grace_seconds = 0.0

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

        What takes longer than a round goes on by itself: the next round looks for others.
        """
        ids = await self._due(grace_seconds)
        try:
            async with asyncio.timeout(ROUND_SECONDS):
                await self._settler.settle(ids)
        except TimeoutError:
            return False
        return len(ids) == SWEEP

    async def _due(self, grace_seconds: float) -> list[str]:
        columns = deliveries.c
        async with self._database.read() as connection:
            found = await connection.execute(
                select(columns.id)
                .where(
                    columns.state == "received",
                    columns.next_attempt_at <= self._database.now(plus_seconds=-grace_seconds),
                )
                .order_by(columns.next_attempt_at, columns.id)
                .limit(SWEEP)
            )
            return list(found.scalars())


async def _again_and_again(one_round: Callable[[], Awaitable[None]]) -> None:
    """Run rounds until cancelled; a database that is away is tried again at the next."""
    while True:
        try:
            await one_round()
        except Exception as error:
            if is_transient(error):
                log.warning("sweeper.put_off", error=str(error)[:200])
            else:
                log.exception("sweeper.fault")
        await asyncio.sleep(EVERY_SECONDS)
