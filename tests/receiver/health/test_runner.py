"""The checks of each minute in the web process: believed once they are found twice."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from jobs.common.problem import Problem, note
from receiver.health import runner as module
from receiver.health.check import Runs
from receiver.health.registry import NAMES
from receiver.health.runner import HealthRunner
from tests.receiver.health.conftest import check_of, runner_of

BAD = (Problem("the disk is full", "free some"),)


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)


def answering(*answers: Sequence[Problem] | Exception) -> HealthRunner:
    """A runner whose check `disk` gives one answer after the other, or raises."""
    left = list(answers)

    async def answer() -> Sequence[Problem]:
        following = left.pop(0)
        if isinstance(following, Exception):
            raise following
        return following

    ticks = iter(range(0, 100, 10))
    check = check_of("disk", answer, Runs.EACH_MINUTE)
    return runner_of(check, clock=lambda: float(next(ticks)))


async def found(runner: HealthRunner) -> tuple[list[str], int]:
    """What /readyz names, and what /metrics counts."""
    health = await runner.health()
    return [problem.summary for problem in health.problems], health.counts["disk"]


async def test_a_problem_found_twice_is_named_and_counted_until_it_is_gone() -> None:
    runner = answering(BAD, BAD, BAD, ())
    assert await found(runner) == ([], 0)
    await runner.check()
    assert await found(runner) == (["the disk is full"], 1)
    await runner.check()
    await runner.check()
    assert await found(runner) == ([], 0)


async def test_a_problem_of_a_moment_is_none() -> None:
    runner = answering(BAD, ())
    await runner.check()
    assert await found(runner) == ([], 0)


async def test_a_note_is_no_problem() -> None:
    runner = answering([note("by the way")])
    await runner.check()
    assert await found(runner) == ([], 0)


async def test_a_check_that_cannot_run_leaves_what_it_found_last() -> None:
    runner = answering(BAD, BAD, ConnectionError("away"))
    await runner.check()
    await runner.check()
    assert await found(runner) == (["the disk is full"], 1)


def test_each_check_has_a_name_of_its_own() -> None:
    assert len(set(NAMES)) == len(NAMES)
