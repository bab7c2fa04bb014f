from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from jobs.common.tasks import TaskEnded, end, every, in_background, within


async def test_a_task_that_swallows_a_cancellation_ends_all_the_same() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed += 1
                if swallowed > 2:
                    raise

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)
    await asyncio.wait_for(end(task), 5)
    assert task.cancelled()


async def test_what_the_task_raised_is_passed_over() -> None:
    async def broken() -> None:
        raise ValueError

    task = asyncio.create_task(broken())
    await asyncio.sleep(0)
    await end(task)
    assert task.done()


async def test_what_was_let_go_of_and_then_breaks_is_not_logged() -> None:
    errors: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))

    async def breaks_when_cancelled() -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            raise ConnectionError("a driver's last word") from None

    assert not await within(0.01, breaks_when_cancelled())
    await asyncio.sleep(0.05)
    gc.collect()
    assert errors == []


async def test_periodic_work_goes_on_after_a_transient_failure_and_after_a_bug(
    logs: list[Any],
) -> None:
    faults: list[Exception] = [ValueError("a bug"), ConnectionRefusedError("away")]
    third = asyncio.Event()

    async def work() -> None:
        if faults:
            raise faults.pop()
        third.set()

    periodic = asyncio.create_task(every("audit", 0, work))
    await asyncio.wait_for(third.wait(), 10)
    await end(periodic)
    assert [(line["event"], line["log_level"]) for line in logs] == [
        ("audit.postponed", "warning"),
        ("audit.error", "error"),
    ]
    assert logs[1]["exc_info"]


async def test_background_tasks_end_with_the_body() -> None:
    stop = asyncio.Event()
    forever = asyncio.Event()

    async def wait() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            forever.set()

    async with in_background({"one": wait()}, stop=stop, end_seconds=1):
        await asyncio.sleep(0)
    assert forever.is_set()
    assert not stop.is_set()


@pytest.mark.parametrize("fault", [None, ValueError("a bug")], ids=["returned", "raised"])
async def test_a_background_task_that_ends_stops_the_process_loudly(
    logs: list[Any], fault: Exception | None
) -> None:
    stop = asyncio.Event()

    async def short() -> None:
        if fault is not None:
            raise fault

    with pytest.raises(TaskEnded, match="'short'") as raised:
        async with in_background({"short": short()}, stop=stop, end_seconds=1):
            await asyncio.wait_for(stop.wait(), 10)
    assert raised.value.__cause__ is fault
    assert [(line["event"], line["task"]) for line in logs] == [("process.task_ended", "short")]
