"""Ending tasks for certain, and not waiting for those that do not end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any

#: A cancellation that was swallowed is repeated after this long.
AGAIN_SECONDS = 0.1


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel the task until it has ended; what it raised is passed over.

    Once is not enough: before Python 3.12 `asyncio.wait_for`, by which redis-py sends, swallows a
    cancellation that comes just as its wait ends (python/cpython issue 86296). Not for a task
    that cleans up at length: each repetition would interrupt that.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_SECONDS)
    with contextlib.suppress(asyncio.CancelledError, Exception):
        task.result()


def pass_over(task: asyncio.Future[Any]) -> None:
    """As a done callback: whoever waited has let go, and asyncio would log what it raised."""
    if not task.cancelled():
        task.exception()


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> bool:
    """Do the work for so long and then let go of it, whatever it raises; say whether it ended.

    Unlike `asyncio.timeout` this waits for no cancellation: a driver whose server is silent takes
    its time over one.
    """
    task = asyncio.create_task(work)
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        task.add_done_callback(pass_over)
        task.cancel()
        return False
    return not task.cancelled() and task.exception() is None
