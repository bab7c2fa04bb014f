"""What each check calls a problem, decided on facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.audits.results import RoundResult
from jobs.common.problem import Problem, note
from jobs.heartbeat import Alive
from jobs.ledger.horizon import InFlight
from jobs.queries.sources.rules import RuleItem
from receiver.health.check import CheckResult
from receiver.health.checks import clock, ledger, mappings as mapping_health, processes
from receiver.health.checks.clock import TimeRefused
from receiver.health.checks.storage import DiskSpace

GB = 1_000_000_000
NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def severities(*problems: Problem) -> list[str]:
    return [problem.severity for problem in problems]


@pytest.mark.parametrize(
    ("problems", "status"),
    [
        pytest.param((), "ok", id="nothing"),
        pytest.param((note("by the way"),), "note", id="a-note"),
        pytest.param((note("by the way"), Problem("bad")), "problem", id="the-worst-counts"),
    ],
)
def test_a_check_is_as_bad_as_the_worst_it_found(
    problems: tuple[Problem, ...], status: str
) -> None:
    assert CheckResult("summary", problems).status == status


@pytest.mark.parametrize(
    ("free", "total", "is_short"),
    [
        pytest.param(50 * GB, 1000 * GB, False, id="a-twentieth-of-a-large-disk"),
        pytest.param(9 * GB, 1000 * GB, True, id="little-of-a-large-disk"),
        pytest.param(1 * GB, 10 * GB, False, id="a-tenth-of-a-small-disk"),
        pytest.param(GB // 4, 10 * GB, True, id="nearly-nothing"),
        pytest.param(GB // 4, GB // 2, True, id="half-of-a-tiny-disk"),
    ],
)
def test_a_disk_is_short_of_room_before_it_is_full(free: int, total: int, is_short: bool) -> None:
    assert DiskSpace(free, total).is_short is is_short


@pytest.mark.parametrize(
    ("offset", "found"), [(0.2, []), (-4.9, []), (6.0, ["problem"]), (-3600.0, ["problem"])]
)
def test_the_databases_clock_may_be_a_little_off(offset: float, found: list[str]) -> None:
    assert severities(*clock.of_database(offset)) == found


@pytest.mark.parametrize(
    ("lags", "found"),
    [
        pytest.param({}, [], id="none-signs-a-time"),
        pytest.param({"a": (0.4, 20), "b": (2.0, 9)}, [], id="all-is-well"),
        pytest.param({"a": (-400.0, 2)}, [], id="too-few-to-say"),
        pytest.param({"a": (-40.0, 9), "b": (-38.0, 9)}, ["problem"], id="this-one-is-slow"),
        pytest.param({"a": (200.0, 9), "b": (210.0, 9)}, ["problem"], id="this-one-is-fast"),
        pytest.param({"a": (0.1, 9), "b": (0.2, 9), "c": (-90.0, 9)}, ["note"], id="one-is-odd"),
    ],
)
def test_the_times_of_signing_tell_of_our_clock(
    lags: Mapping[str, tuple[float, int]], found: list[str]
) -> None:
    assert severities(*clock.of_signatures(lags)) == found


@pytest.mark.parametrize(
    ("refused", "found"),
    [
        pytest.param(TimeRefused("a", "stale-timestamp", 2, 0), [], id="hardly-any"),
        pytest.param(TimeRefused("a", "stale-timestamp", 9, 40), ["note"], id="others-are-taken"),
        pytest.param(TimeRefused("a", "future-timestamp", 9, 0), ["problem"], id="none-is-taken"),
    ],
)
def test_a_source_refused_for_its_time_alone_tells_of_our_clock(
    refused: TimeRefused, found: list[str]
) -> None:
    assert severities(*clock.of_refusals([refused])) == found


@pytest.mark.parametrize(
    ("used", "most", "policy", "found"),
    [
        pytest.param(9, 0, "allkeys-lru", [], id="no-bound"),
        pytest.param(9, 100, "noeviction", [], id="a-bound"),
        pytest.param(9, 100, None, [], id="the-policy-is-not-shown"),
        pytest.param(9, 100, "volatile-ttl", ["problem"], id="it-evicts"),
        pytest.param(9, 9, "allkeys-lru", ["problem"] * 2, id="both"),
    ],
)
def test_redis_must_not_evict_and_needs_memory(
    used: int, most: int, policy: str | None, found: list[str]
) -> None:
    memory: dict[str, Any] = {"used_memory": used, "maxmemory": most}
    if policy is not None:
        memory |= {"maxmemory_policy": policy}
    assert severities(*processes.of_memory(memory).problems) == found


def alive(name: str, **detail: Any) -> Alive:
    return Alive(name, "web", datetime(2026, 1, 1, tzinfo=UTC), detail)


@pytest.mark.parametrize(
    ("reported", "found"),
    [
        pytest.param([{"mappings": "m", "timezone": "UTC"}] * 2, [], id="alike"),
        pytest.param([{}], [], id="an-older-version-without-both"),
        pytest.param([{"mappings": "m"}, {"mappings": "n"}], ["problem"], id="two-versions"),
        pytest.param([{"mappings": "n"}], ["note"], id="another-one-here"),
        pytest.param([{"mappings": "m", "timezone": "Asia/Tokyo"}], ["problem"], id="two-zones"),
    ],
)
def test_all_processes_use_the_same(reported: list[dict[str, Any]], found: list[str]) -> None:
    those = [alive(f"vm:{number}", **detail) for number, detail in enumerate(reported)]
    problems = [*processes.of_mappings(those, "m"), *processes.of_zones(those, "UTC")]
    assert severities(*problems) == found


def test_an_audit_that_did_not_reach_everything_says_so() -> None:
    result = RoundResult(found=0, progress={"audited": 4_000}, is_whole=False)
    (found,) = ledger.of_audit("books", result).problems
    assert not found.is_problem
    assert "only the first 4000 were audited" in found.summary
    assert found.commands == ("receiver doctor --full",)


def test_an_audit_counts_what_it_does_not_show() -> None:
    result = ledger.of_audit("books", RoundResult(found=30, summaries=("a", "b")))
    assert [problem.summary for problem in result.problems] == ["a", "b", "and 28 more like these"]
    assert severities(*result.problems) == ["problem"] * 3


@pytest.mark.parametrize(
    ("mode", "never_matched_in", "number"),
    [("live", 100, 1), ("live", 99, 0), ("live", None, 0), ("shadow", None, 0), (None, 500, 0)],
)
def test_a_rule_that_never_matches_is_worth_knowing(
    mode: str | None, never_matched_in: int | None, number: int
) -> None:
    rule = RuleItem(
        source="desk",
        rule="solved",
        mode=mode,
        matched=0,
        errored=0,
        last_match=None,
        never_matched_in=never_matched_in,
    )
    assert severities(*mapping_health.of_rules((rule,))) == ["note"] * number


@pytest.mark.parametrize("oldest", [None, InFlight(7, "me", "psql", "idle in transaction", NOW)])
def test_a_transaction_that_does_not_end_is_a_problem_after_ten_minutes_and_named(
    oldest: InFlight | None,
) -> None:
    def found(minutes: int) -> CheckResult:
        return ledger.of_horizon(NOW - timedelta(minutes=minutes), now=NOW, oldest=oldest)

    assert found(10).problems == ()
    (problem,) = found(11).problems
    assert problem.is_problem
    assert "complete only until 11m ago" in problem.summary
    if oldest is not None:
        assert (
            "end the transaction of process 7 of me (psql, idle in transaction"
            in problem.remediation
        )
