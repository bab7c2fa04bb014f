"""What each way of ending an attempt does to `attempts` and `next_attempt_at`."""

from __future__ import annotations

import pytest

from jobs.mapping_store import MappingsOutdated
from jobs.settling.retry import RETRIES, Ending, backoff_seconds, ending_of

NEVER = 1_000

#: Whether the attempt stays counted, the pause after the first and the fourth, the attempts that
#: fail the delivery.
TABLE = {
    Ending.KILLED: (True, 5.0, 5.0, 6),
    Ending.BUG: (True, 1.0, 8.0, 5),
    Ending.FAULT: (False, 1.0, 8.0, NEVER),
    Ending.OUTDATED: (False, 1.0, 8.0, NEVER),
    Ending.LOCKED: (False, 0.0, 0.0, NEVER),
    Ending.TURN_OVER: (False, 0.0, 0.0, NEVER),
    Ending.SLOW: (False, 1.0, 1.0, NEVER),
    Ending.STOPPED: (False, 0.0, 0.0, NEVER),
}


@pytest.mark.parametrize("ending", Ending, ids=lambda ending: ending.name)
def test_an_ending_has_its_row(ending: Ending) -> None:
    counts, first, fourth, fails_at = TABLE[ending]
    retry = RETRIES[ending]
    assert retry.counts is counts
    assert (retry.pause_seconds(1), retry.pause_seconds(4)) == (first, fourth)
    assert retry.is_exhausted(fails_at) is (fails_at != NEVER)
    assert not retry.is_exhausted(fails_at - 1)


def test_only_what_stays_counted_can_fail_a_delivery() -> None:
    for ending, retry in RETRIES.items():
        assert retry.counts or not retry.is_exhausted(NEVER), ending


def test_a_pause_has_its_limit() -> None:
    assert backoff_seconds(0) == 0.5
    assert backoff_seconds(10_000) == 10.0


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        pytest.param(MappingsOutdated("others are in force"), Ending.OUTDATED, id="outdated"),
        pytest.param(ConnectionResetError("the network"), Ending.FAULT, id="connection lost"),
        pytest.param(TimeoutError("no answer"), Ending.FAULT, id="time-out"),
        pytest.param(KeyError("a bug"), Ending.BUG, id="anything else"),
    ],
)
def test_an_error_is_one_ending(error: Exception, ending: Ending) -> None:
    assert ending_of(error) is ending
