"""The short form of `make chaos`: a minute of load and faults, then the reckoning."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.chaos.parts import Config
from tests.chaos.run import run
from tests.chaos.site import tail

#: A minute of faults, the last of them for up to 15 s, and the reckoning on a busy machine.
TIMEOUT_SECONDS = 600


@pytest.mark.acceptance
@pytest.mark.timeout(TIMEOUT_SECONDS)
@pytest.mark.parametrize(
    ("database", "seconds", "processes"), [("postgres", 60, 2), ("sqlite", 10, 1)]
)
def test_nothing_is_lost_or_billed_twice_whatever_dies(
    tmp_path: Path, database: str, seconds: float, processes: int
) -> None:
    seed = int(os.environ.get("CHAOS_SEED", random.randrange(1_000_000)))
    report = run(
        Config(
            seconds=seconds,
            seed=seed,
            directory=tmp_path,
            database=database,
            processes=processes,
        )
    )
    logs = "" if report.passed else _logs(tmp_path)
    assert report.passed, f"{report}\n(CHAOS_SEED={seed} plans the same again)\n{logs}"
    assert report.acknowledged > 100, report
    assert report.struck.total() >= seconds / 10, report  # more, unless the machine has no time
    assert report.struck["all blackout"] == 1, report
    assert report.replayed, report


def _logs(directory: Path) -> str:
    """What the last processes said, for the person who reads the failure."""
    latest = sorted(directory.glob("*.log"), key=lambda path: path.stat().st_mtime)[-8:]
    return "\n".join(f"== {path.name}\n{tail(path, lines=30)}" for path in latest)
