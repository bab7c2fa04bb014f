"""Rejections spike against their own recent normal, and what goes on for hours becomes normal."""

from __future__ import annotations

import json
from typing import Any

import pytest

from jobs.alerts.spikes import LEAST, LEAST_UNKNOWN, SPAN_SECONDS, Spike, spikes

LOOK = 15.0
DESK = ("desk", "bad-signature")


class Counting:
    """Looks every 15 s at a count that grows by so many a look."""

    def __init__(self, key: tuple[str, str] = DESK, *, count: int = 0) -> None:
        self.key = key
        self.count = count
        self.at = 1_000_000.0
        self.known: dict[str, Any] = {}

    def look(self, more: int = 0) -> list[Spike]:
        self.count += more
        self.at += LOOK
        counts = {self.key: self.count} if self.count else {}
        found, self.known = spikes(self.known, counts, self.at)
        return found

    def go_on(self, *, a_look: int, hours: float) -> list[list[Spike]]:
        return [self.look(a_look) for _ in range(int(hours * 3600 / LOOK))]


def test_the_first_rejections_of_a_quiet_source_spike_once_they_are_many() -> None:
    counting = Counting()
    counting.look()
    assert counting.look(LEAST - 1) == []
    (spike,) = counting.look(1)
    assert (spike.source, spike.cause, spike.count, spike.normal) == (*DESK, LEAST, 0.0)


def test_a_spike_is_over_when_they_cease() -> None:
    counting = Counting()
    counting.look()
    assert counting.look(100)
    ended = counting.go_on(a_look=0, hours=0.25)
    assert ended[0]
    assert not ended[-1]


def test_what_was_there_before_the_first_look_is_no_spike() -> None:
    counting = Counting(count=50_000)
    assert not any(counting.go_on(a_look=0, hours=1))


def test_a_steady_noise_is_learnt_and_many_more_than_that_spike() -> None:
    counting = Counting(count=10)
    noise = counting.go_on(a_look=2, hours=8)
    assert not any(noise[-100:])
    (spike,) = counting.look(600)
    assert 60 < spike.normal < 90
    assert spike.count > 600


def test_a_new_level_is_normal_after_some_hours() -> None:
    counting = Counting()
    counting.go_on(a_look=0, hours=1)
    level = counting.go_on(a_look=3, hours=8)
    assert any(level[:60])
    assert not any(level[-60:])


def test_scanners_at_unknown_paths_take_more_for_an_alert() -> None:
    counting = Counting(("unknown", "unknown-source"))
    counting.look()
    assert counting.look(LEAST_UNKNOWN - 1) == []
    assert len(counting.look(1)) == 1


def test_a_long_pause_between_two_looks_is_no_spike_by_itself() -> None:
    counting = Counting()
    counting.look()
    counting.look(5)
    counting.at += 3 * 24 * 3600
    assert counting.look() == []
    assert len(counting.known) == 2


@pytest.mark.parametrize("spans", [1, 2, 7])
def test_what_is_known_survives_as_plain_data(spans: int) -> None:
    counting = Counting()
    counting.look()
    counting.look(7)
    counting.at += spans * SPAN_SECONDS
    counting.known = json.loads(json.dumps(counting.known))
    assert counting.look() == []
