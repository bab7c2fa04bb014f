"""Health checks with results set by a test."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

from jobs.common.problem import Problem
from receiver.health.check import CheckContext, CheckResult, HealthCheck, Runs
from receiver.health.runner import HealthRunner

Answer = Callable[[], Awaitable[Sequence[Problem]]]


async def fine() -> None:
    """A database that commits."""


def check_of(name: str, answer: Answer, runs: Runs = Runs.EACH_TIME, **more: Any) -> HealthCheck:
    async def run(_context: CheckContext) -> CheckResult:
        return CheckResult("summary", await answer())

    return HealthCheck(name, run, runs, **more)


def runner_of(
    *checks: HealthCheck, can_commit: Callable[[], Awaitable[None]] = fine, **more: Any
) -> HealthRunner:
    return HealthRunner(lambda: cast("CheckContext", None), can_commit, checks=checks, **more)
