from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from receiver.local import children as module
from receiver.local.children import Child, Children
from receiver.local.errors import ChildFailedError
from tests.support.processes import Process, wait_until

ROOT = Path(__file__).resolve().parents[3]
FAKE_CHILD = str(Path(__file__).with_name("fake_child.py"))
FAKE_UP = str(Path(__file__).with_name("fake_up.py"))
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}


def fake(*behaviour: str, name: str = "fake", **more: Any) -> Child:
    command = (sys.executable, FAKE_CHILD, *behaviour)
    child = Child(name=name, command=command, environment=ENVIRONMENT)
    return replace(child, **more)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
async def children() -> AsyncIterator[Children]:
    made = Children()
    yield made
    await made.stop(at_once=True)
    made.close()


async def test_a_started_child_is_ready_and_a_stopped_one_is_gone(children: Children) -> None:
    assert await children.start(fake()) == "to say hello"
    pid = children.pids()["fake"]
    assert not is_gone(pid)
    await children.stop()
    assert is_gone(pid)


async def test_a_child_that_ends_while_starting_is_said(children: Children) -> None:
    with pytest.raises(ChildFailedError, match="fake ended at once, by 3"):
        await children.start(fake("ends"))


async def test_a_child_that_is_never_ready_is_said(children: Children, tmp_path: Path) -> None:
    slow = fake("silent", ready_seconds=0.8, log=tmp_path / "log")
    with pytest.raises(ChildFailedError, match=r"not ready within 0\.8 s; see .*log"):
        await children.start(slow)


async def test_a_child_that_ignores_sigterm_is_killed(children: Children) -> None:
    await children.start(fake("stubborn", stop_seconds=0.3))
    pid = children.pids()["fake"]
    await children.stop()
    assert is_gone(pid)


async def test_children_ignore_the_terminals_signals(children: Children) -> None:
    await children.start(fake())
    pid = children.pids()["fake"]
    for sig in (signal.SIGINT, signal.SIGHUP):
        os.kill(pid, sig)
    await asyncio.sleep(0.2)
    assert not is_gone(pid)


async def test_a_child_is_deaf_to_ctrl_c_from_its_first_moment(children: Children) -> None:
    async def at_once() -> bool:
        return True

    command = (sys.executable, "-c", "import time; time.sleep(60)")
    await children.start(replace(fake(ready=at_once), command=command))
    pid = children.pids()["fake"]
    os.kill(pid, signal.SIGINT)
    await asyncio.sleep(0.2)
    assert not is_gone(pid)


async def test_a_child_that_dies_is_started_again(
    children: Children, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_SECONDS", (0.01,))
    await children.start(fake())
    first = children.pids()["fake"]
    watch = asyncio.create_task(children.watch())
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(10):
        while children.pids()["fake"] == first:
            await asyncio.sleep(0.02)
    watch.cancel()
    assert not is_gone(children.pids()["fake"])


async def test_what_runs_once_must_end_well(children: Children) -> None:
    await children.run_once(replace(fake(), command=(sys.executable, "-c", "")))
    with pytest.raises(ChildFailedError, match="fake failed, by 3"):
        await children.run_once(fake("ends"))


async def test_output_goes_to_the_log(children: Children, tmp_path: Path) -> None:
    await children.start(fake(log=tmp_path / "log"))
    assert (tmp_path / "log").read_text() == "hello\n"


async def test_children_stop_in_the_opposite_order(children: Children) -> None:
    names = ["first", "second", "third"]
    for name in names:
        await children.start(fake("lingers", name=name))
    pids = children.pids()
    stopping = asyncio.create_task(children.stop())
    alive: list[list[str]] = []
    while not stopping.done():
        alive.append([name for name in names if not is_gone(pids[name])])
        await asyncio.sleep(0.001)
    assert all(seen == names[: len(seen)] for seen in alive)
    assert {len(seen) for seen in alive} >= {1, 2, 3}


@pytest.mark.parametrize("behaviour", [(), ("portable",)], ids=["kernel", "pipe"])
def test_children_die_with_a_killed_parent(behaviour: tuple[str, ...], tmp_path: Path) -> None:
    parent = Process(
        [sys.executable, FAKE_UP, *behaviour], log=tmp_path / "log", environment=ENVIRONMENT
    )
    parent.wait_for_output("children")
    line = next(line for line in parent.output().splitlines() if line.startswith("children"))
    pids = [int(pid) for pid in line.split()[1:]]
    assert {os.getpgid(pid) for pid in pids} == {os.getpgid(parent.pid)}
    assert not any(is_gone(pid) for pid in pids)
    parent.kill()
    wait_until(lambda: all(is_gone(pid) for pid in pids), seconds=5, what="the children's end")
