"""How long ago recent requests were signed, by source: what our clock is held against.

Owns a small sample in memory. One vendor's clock may be wrong and its queue slow; those of many
vendors are not all wrong in the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from statistics import median
from time import monotonic

#: The newest requests of a source that are kept, and for how long they count.
SAMPLE = 51
RECENT_SECONDS = 3600.0


class ClockLags:
    """Takes the lag of each verified request; `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._lags: dict[str, deque[tuple[float, float]]] = {}

    def add(self, source: str, lag_seconds: float) -> None:
        """Add a lag; negative where it was signed ahead of our clock. Never blocks or raises."""
        sample = self._lags.setdefault(source, deque(maxlen=SAMPLE))
        sample.append((self._clock(), lag_seconds))

    def medians(self) -> dict[str, tuple[float, int]]:
        """By source the median of recent lags in seconds, and their number."""
        since = self._clock() - RECENT_SECONDS
        recent = {
            source: [lag for at, lag in sample if at >= since]
            for source, sample in sorted(self._lags.items())
        }
        return {
            source: (round(median(lags), 3), len(lags)) for source, lags in recent.items() if lags
        }
