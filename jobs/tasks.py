"""Ending tasks for certain."""

from __future__ import annotations

import asyncio
import contextlib
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
