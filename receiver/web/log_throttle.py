"""One log line a second for each event that a sender can cause, and how many were suppressed.

Owns that count. Refuses to grow with what senders choose: keys are names of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic

PAUSE_SECONDS = 1.0


class LogThrottle:
    """`clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last: dict[Hashable, float] = {}
        self._suppressed: dict[Hashable, int] = {}

    def suppressed(self, key: Hashable) -> int | None:
        """How many lines were suppressed since the last one; None where this one is too."""
        now = self._clock()
        if now - self._last.get(key, -PAUSE_SECONDS) < PAUSE_SECONDS:
            self._suppressed[key] = self._suppressed.get(key, 0) + 1
            return None
        self._last[key] = now
        return self._suppressed.pop(key, 0)
