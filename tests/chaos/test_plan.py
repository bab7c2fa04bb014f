from __future__ import annotations

import pytest

from tests.chaos.plan import SQLITE_WEIGHTS, WEIGHTS, Fault, plan


def _plan(seed: int, *, seconds: float = 1_800, database: str = "postgres") -> list[Fault]:
    return plan(seed, seconds=seconds, per_minute=25, database=database, processes=2)


def test_the_same_seed_makes_the_same_plan() -> None:
    assert _plan(1) == _plan(1)
    assert _plan(1) != _plan(2)


@pytest.mark.parametrize("database", ["postgres", "sqlite"])
def test_half_an_hour_has_more_than_500_faults_and_all_of_their_kinds(database: str) -> None:
    faults = _plan(3, database=database)
    weights = SQLITE_WEIGHTS if database == "sqlite" else WEIGHTS
    every = {f"{target} {kind}" for target, kinds in weights.items() for kind in kinds}
    assert len(faults) > 600
    assert {fault.name for fault in faults} == every | {"all blackout"}
    assert all(0 <= fault.at < 1_800 for fault in faults)
    assert {fault.number for fault in faults} == {0, 1}
    assert max(fault.at + fault.seconds for fault in faults) <= 1_800


@pytest.mark.parametrize(("seconds", "blackouts"), [(60, 1), (600, 2), (1_800, 6)])
def test_everything_is_dead_at_once_at_least_once(seconds: float, blackouts: int) -> None:
    faults = _plan(4, seconds=seconds)
    assert sum(fault.name == "all blackout" for fault in faults) == blackouts


def test_a_stop_may_outlast_a_lease_and_a_clock_stays_inside_the_window_of_signatures() -> None:
    faults = _plan(5)
    stops = [fault for fault in faults if fault.name == "worker stop"]
    assert sum(fault.during_settling and fault.seconds > 7 for fault in stops) > len(stops) / 4
    webs = [fault.skew_seconds for fault in faults if fault.name == "web skew"]
    workers = [fault.skew_seconds for fault in faults if fault.name == "worker skew"]
    assert max(map(abs, webs)) <= 120
    assert max(map(abs, workers)) > 3_600
    assert {fault.skew_seconds for fault in faults if fault.kind != "skew"} == {0}
