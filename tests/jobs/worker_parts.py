"""The parts of a worker that a test runs: listener and sweeper, started and ended in order."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from jobs.queue.consumer import Listener, Settle
from jobs.queue.doorbell import Doorbell
from jobs.settling.settle import Settler
from jobs.settling.sweeper import Sweeper
from tests.jobs.doubles import FakeMappings
from tests.jobs.workshop import Workshop


@asynccontextmanager
async def running(work: Coroutine[Any, Any, None]) -> AsyncIterator[asyncio.Task[None]]:
    """A part that runs until it is cancelled; what ended it by itself is raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        if task.done():
            task.result()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def sweeping(workshop: Workshop, settler: Settler, fake: FakeMappings) -> AsyncIterator[None]:
    """A sweeper and a replay runner run, as they do in a worker."""
    sweeper = Sweeper(workshop.new_database(), settler)
    replays = workshop.runner(settler, fake)
    async with running(sweeper.run()), running(replays.run()):
        yield


@asynccontextmanager
async def listening(url: str, settle: Settle, *, name: str = "test") -> AsyncIterator[Listener]:
    """A listener runs and has reached Redis."""
    listener = Listener(url, settle, name=name)
    async with running(listener.run()):
        await until(lambda: listener.is_up, what="a listener on Redis")
        yield listener


@asynccontextmanager
async def doorbell(url: str) -> AsyncIterator[Doorbell]:
    bell = Doorbell(url)
    await bell.start()
    try:
        yield bell
    finally:
        await bell.close()


class Heard:
    """A settling that only notes what it was asked for."""

    def __init__(self) -> None:
        self.rings: list[list[str]] = []

    async def settle(self, ids: Sequence[str]) -> None:
        self.rings.append(list(ids))

    @property
    def ids(self) -> list[str]:
        return [one for ring in self.rings for one in ring]


async def until(
    found: Callable[[], object | Awaitable[object]], *, seconds: float = 10, what: str = "it"
) -> None:
    """Poll until `found()`, awaited where it must be, is true."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                answer = found()
                if await answer if isinstance(answer, Awaitable) else answer:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"{what} did not happen within {seconds:g} s") from None


async def until_states(
    workshop: Workshop, expected: dict[str, int], *, seconds: float = 10
) -> None:
    async def found() -> bool:
        return await workshop.states() == expected

    await until(found, seconds=seconds, what=str(expected))
