"""How far a signature's time may lie from now: a scheme's tolerance, and its window for retries.

Pure: now is an argument. Owns the default, the bounds and the decision.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from receiver.signatures.errors import SignatureError

#: What a mapping file may set at most.
LONGEST_TOLERANCE_SECONDS = 86_400
#: What a window has beyond the span of retries, at least.
SHORTEST_MARGIN_SECONDS = 300
_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
#: Enough to tell spans apart.
_MOST_UNITS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Tolerance(ABC):
    """What of a scheme bounds the time of signing.

    `tolerance_seconds` is how far the time of signing may lie from now, before
    and after alike. `retry_span_seconds` is how long after the first request the vendor may send
    the same event again: 0 never, None where its documentation does not say.
    `retries_keep_time` states whether a retry carries the signed time of the first request, None
    where that is not documented. If so, the window reaches back over the span.
    `vendor_window_seconds` is how old a request the vendor's own code takes, where that is more
    than the tolerance. Both count unless `covers_retries` is False, as under a mapping that sets
    the tolerance itself.
    """

    tolerance_seconds: int = 300
    vendor_window_seconds: int = 0
    retry_span_seconds: int | None = None
    retries_keep_time: bool | None = None
    covers_retries: bool = True

    @property
    @abstractmethod
    def is_timed(self) -> bool:
        """Whether the signature covers the time of signing, so that replays grow stale."""

    @property
    def window_seconds(self) -> int | None:
        """How long after its signing a request passes; None where that is not ours to say."""
        if not self.is_timed:
            return None
        if not self.covers_retries:
            return self.tolerance_seconds
        reach = self.retry_reach_seconds
        return max(self.tolerance_seconds, self.vendor_window_seconds, reach)

    @property
    def retry_reach_seconds(self) -> int:
        """How far back the window must reach for retries under the first signed time, or 0.

        A margin is added to the span: vendors spread their retries, and queue them when busy.
        """
        span = self.retry_span_seconds if self.retries_keep_time else None
        return span + max(span // 10, SHORTEST_MARGIN_SECONDS) if span else 0

    @property
    def ahead_seconds(self) -> int | None:
        """How far ahead of our clock the time of signing may lie; None where none is judged."""
        return self.tolerance_seconds if self.is_timed else None

    def check_window(self, timestamp: float, now: float) -> None:
        """Raise SignatureError where the time of signing is too old, or too far ahead."""
        past, ahead = self.window_seconds, self.ahead_seconds
        if past is not None and now - timestamp > past:
            raise SignatureError("stale-timestamp")
        if ahead is not None and timestamp - now > ahead:
            raise SignatureError("future-timestamp")


def span_text(seconds: int) -> str:
    """The span in its two largest units: `45s`, `30m`, `7h 1m`, `3d`."""
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:_MOST_UNITS]) or "0s"
