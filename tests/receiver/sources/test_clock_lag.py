from __future__ import annotations

from receiver.sources.clock_lag import RECENT_SECONDS, SAMPLE, ClockLags


def test_the_median_of_a_source_is_not_moved_by_one_slow_request() -> None:
    lags = ClockLags(clock=lambda: 0.0)
    for lag in (0.1, 0.2, 300.0, 0.3, 0.2):
        lags.add("desk", lag)
    lags.add("chat", -12.5)
    assert lags.medians() == {"chat": (-12.5, 1), "desk": (0.2, 5)}


def test_what_came_long_ago_says_nothing_of_the_clock_now() -> None:
    now = [0.0]
    lags = ClockLags(clock=lambda: now[0])
    lags.add("desk", 500.0)
    now[0] = RECENT_SECONDS + 1
    assert lags.medians() == {}
    lags.add("desk", 0.5)
    assert lags.medians() == {"desk": (0.5, 1)}


def test_a_busy_source_takes_no_more_memory_than_a_sample() -> None:
    lags = ClockLags(clock=lambda: 0.0)
    for number in range(10_000):
        lags.add("desk", float(number))
    assert lags.medians()["desk"][1] == SAMPLE
