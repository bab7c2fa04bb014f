"""The checks in the web process: in metrics and /readyz, believed once they are found twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from receiver.health import runner as module
from receiver.health.metrics import Metrics
from receiver.health.problem import Finding, Report
from receiver.health.registry import NAMES, Around, Check
from receiver.health.runner import MADE, NAMED, Checkup

NOWHERE = cast(Around, None)


class Answers:
    """A check named `disk` that gives one report after the other, or raises."""

    def __init__(self, *reports: Sequence[Finding] | Exception) -> None:
        self._reports = list(reports)

    async def ask(self, _around: Around) -> Report:
        said = self._reports.pop(0)
        if isinstance(said, Exception):
            raise said
        return Report.of("says", said)


BAD = (Finding("the disk is full", "free some"),)


@pytest.fixture
def checkup_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(module, "MADE", ("disk",))

    def make(*reports: Sequence[Finding] | Exception) -> tuple[Checkup, Metrics]:
        monkeypatch.setattr(module, "CHECKS", (Check("disk", Answers(*reports).ask),))
        metrics = Metrics()
        return Checkup(lambda: NOWHERE, metrics), metrics

    return make


async def named(checkup: Checkup) -> list[str]:
    return [one.detail for one in await checkup.looks()["disk"]()]


def shown(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("receiver_check_problems", {"check": "disk"})


async def test_a_problem_found_twice_is_named_and_counted_until_it_is_gone(checkup_of: Any) -> None:
    checkup, metrics = checkup_of(BAD, BAD, BAD, ())
    assert await named(checkup) == []
    await checkup.check()
    assert await named(checkup) == ["the disk is full; free some"]
    assert shown(metrics) == 1
    await checkup.check()
    await checkup.check()
    assert (await named(checkup), shown(metrics)) == ([], 0)


async def test_a_problem_of_a_moment_is_none(checkup_of: Any) -> None:
    checkup, metrics = checkup_of(BAD, ())
    await checkup.check()
    assert (await named(checkup), shown(metrics)) == ([], 0)


async def test_a_note_is_no_problem(checkup_of: Any) -> None:
    checkup, metrics = checkup_of([Finding("by the way", is_problem=False)])
    await checkup.check()
    assert (await named(checkup), shown(metrics)) == ([], 0)


async def test_a_check_that_cannot_run_leaves_what_it_found_last(checkup_of: Any) -> None:
    checkup, metrics = checkup_of(BAD, BAD, ConnectionError("away"))
    await checkup.check()
    await checkup.check()
    assert (len(await named(checkup)), shown(metrics)) == (1, 1)


def test_what_is_made_and_named_are_checks_of_the_doctor() -> None:
    assert set(NAMED) <= set(MADE) <= set(NAMES)
