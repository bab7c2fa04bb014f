"""Background tasks: periodic work, a process that ends with its tasks, and bounded endings.

Owns what a failure of periodic work means: a transient one is retried at the next turn, a bug is
logged with its traceback, and neither ends the loop. Refuses to run on without a task: a process
whose background task has ended is ended.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, Never

import structlog

from jobs.common.errors import JobsError, brief, is_transient

log = structlog.get_logger(__name__)

#: A cancellation that was swallowed is repeated after this long.
AGAIN_SECONDS = 0.1


class TaskEnded(JobsError):
    """A background task ended although it runs until the process stops; this is a bug."""


async def every(
    name: str, seconds: float, work: Callable[[], Awaitable[object]], *, pause_first: bool = False
) -> Never:
    """Do `work` until cancelled, with a pause of `seconds` after each time.

    A failure is logged as `attempt` logs it, and the next turn comes as usual.
    """
    if pause_first:
        await asyncio.sleep(seconds)
    while True:
        await attempt(name, work)
        await asyncio.sleep(seconds)


async def attempt(name: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do `work` once; a failure is logged and never raised.

    As `NAME.postponed` where it passes by itself, else, as a bug, as `NAME.error`.
    """
    try:
        await work()
    except Exception as error:
        postponed, bug = f"{name}.postponed", f"{name}.error"
        if is_transient(error):
            log.warning(postponed, error=brief(error))
        else:
            log.exception(bug)


@contextlib.asynccontextmanager
async def in_background(
    works: Mapping[str, Coroutine[Any, Any, None]],
    *,
    stop: asyncio.Event,
    end_seconds: float,
) -> AsyncIterator[None]:
    """Run `works` beside the body, and cancel them after it; they have `end_seconds` to end.

    `stop` is set as soon as one ends by itself; TaskEnded is then raised after the body.
    """
    tasks = [asyncio.create_task(work, name=name) for name, work in works.items()]
    ended: list[asyncio.Task[None]] = []

    def on_done(task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            log.error("process.task_ended", task=task.get_name(), exc_info=task.exception())
            ended.append(task)
            stop.set()

    for task in tasks:
        task.add_done_callback(on_done)
    try:
        yield
    finally:
        for task in tasks:
            task.remove_done_callback(on_done)
            task.cancel()
        await asyncio.wait(tasks, timeout=end_seconds)
    if ended:
        message = f"the background task {ended[0].get_name()!r} ended; the log has its traceback"
        raise TaskEnded(message) from ended[0].exception()


async def end(task: asyncio.Task[Any]) -> None:
    """Cancel the task until it has ended; what it raised is dropped.

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
    """As a done callback: the waiter has gone, and asyncio would log what the task raised."""
    if not task.cancelled():
        task.exception()


async def within(seconds: float, work: Coroutine[Any, Any, object]) -> bool:
    """Do `work` for at most `seconds`, then abandon it; return whether it succeeded.

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
