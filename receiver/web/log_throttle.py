"""One line a second for each thing that a sender can make us say, and how many were not said.

Owns that count. Refuses to grow with what senders choose: keys are names of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from time import monotonic

QUIET_SECONDS = 1.0


class Quiet:
    """`clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last: dict[Hashable, float] = {}
        self._unsaid: dict[Hashable, int] = {}

    def unsaid(self, key: Hashable) -> int | None:
        """How many were not said since the last that was; None where this is not to be said."""
        now = self._clock()
        if now - self._last.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return None
        self._last[key] = now
        return self._unsaid.pop(key, 0)
