"""A real process is killed at each point of the code, started again, and the books are looked at.

Each point is tried on one of the two databases, taken in turns; with `CRASHES=all` (`make crashes`)
on both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.crashes.scenario import Scenario, scenarios
from tests.crashes.stage import Installation, Stage

pytestmark = pytest.mark.acceptance

KINDS = ("sqlite", "postgres")
ALL = os.environ.get("CRASHES") == "all"


def points() -> Iterator[Any]:
    """Every scenario at every moment, on the databases that it is tried on."""
    for number, scenario in enumerate(scenarios()):
        for turn, moment in enumerate(scenario.moments, number):
            for kind in KINDS if ALL else (KINDS[turn % 2],):
                name = f"{kind}-{moment}-{scenario.place}-{scenario.name}"
                yield pytest.param(scenario, moment, kind, id=name)


@pytest.mark.parametrize(("scenario", "moment", "kind"), list(points()))
def test_a_process_killed_there_loses_and_doubles_nothing(
    installation: Installation, scenario: Scenario, moment: str, kind: str
) -> None:
    stage = Stage(installation, scenario, moment)
    scenario.play(stage)
    stage.finish()
