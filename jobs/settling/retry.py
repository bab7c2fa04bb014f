"""The retry policy: what each way of ending an attempt does to `attempts` and `next_attempt_at`.

Owns one table, and which error is which ending. A settled delivery keeps its attempt counted and
has no next one. Refuses to touch the database: see `claims.py`. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from jobs.common.errors import is_transient
from jobs.mapping_store import MappingsOutdated

#: An attempt cut off by a kill is taken up again after this, plus the sweeper's interval.
LEASE_SECONDS = 5.0
#: Back-off, doubled with each attempt that a bug ended, or with each fault that follows another.
BACKOFF_SECONDS = 0.5
BACKOFF_LONGEST_SECONDS = 10.0
#: Deliveries of slow sources wait this long while others of their kind have all their loops.
SLOW_PAUSE_SECONDS = 1.0
#: From this many unfinished attempts on a delivery is poisoned: it is settled alone.
POISONED_ATTEMPTS = 2
#: After this many unfinished attempts it fails as `internal`.
LAST_ATTEMPT = 5


class Ending(Enum):
    """How an attempt ended that settled nothing."""

    KILLED = auto()  # its process died: its lease runs out
    BUG = auto()  # mapping or recording it raised
    FAULT = auto()  # the database was away or busy, or a purge was under way
    OUTDATED = auto()  # other mappings are in force
    LOCKED = auto()  # others held its row through all quick tries
    TURN_OVER = auto()  # not begun when the turn of its batch ended
    SLOW = auto()  # not begun: slow sources had all the loops that they may have
    STOPPED = auto()  # its process stopped


@dataclass(frozen=True, slots=True)
class Retry:
    """What follows from an ending.

    `counts`: whether the attempt stays counted in `attempts`. `pause_seconds` gives the time until
    `next_attempt_at`, by how often it ended so. `fails_at`: that many attempts fail the delivery.
    """

    counts: bool
    pause_seconds: Callable[[int], float]
    fails_at: Callable[[], int] | None = None

    def is_exhausted(self, attempts: int) -> bool:
        """Whether a delivery with so many attempts fails instead of being tried again."""
        return self.fails_at is not None and attempts >= self.fails_at()


def backoff_seconds(times: int) -> float:
    """The pause after an ending that came so many times."""
    return min(BACKOFF_SECONDS * 2.0 ** min(times, 10), BACKOFF_LONGEST_SECONDS)


def _at_once(_times: int) -> float:
    return 0.0


RETRIES: Mapping[Ending, Retry] = {
    Ending.KILLED: Retry(
        counts=True, pause_seconds=lambda _: LEASE_SECONDS, fails_at=lambda: LAST_ATTEMPT + 1
    ),
    Ending.BUG: Retry(counts=True, pause_seconds=backoff_seconds, fails_at=lambda: LAST_ATTEMPT),
    Ending.FAULT: Retry(counts=False, pause_seconds=backoff_seconds),
    Ending.OUTDATED: Retry(counts=False, pause_seconds=backoff_seconds),
    Ending.LOCKED: Retry(counts=False, pause_seconds=_at_once),
    Ending.TURN_OVER: Retry(counts=False, pause_seconds=_at_once),
    Ending.SLOW: Retry(counts=False, pause_seconds=lambda _: SLOW_PAUSE_SECONDS),
    Ending.STOPPED: Retry(counts=False, pause_seconds=_at_once),
}


def ending_of(error: Exception) -> Ending:
    """Which ending an error is: a fault that passes by itself, outdated mappings, else a bug."""
    if isinstance(error, MappingsOutdated):
        return Ending.OUTDATED
    return Ending.FAULT if is_transient(error) else Ending.BUG
