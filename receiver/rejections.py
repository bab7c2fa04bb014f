"""Requests that were not taken: counted each, logged sparingly.

Owns what is told of a rejection: source, cause, remote address. Refuses bodies, secrets and text
that a sender chose, and refuses to be slow or to grow under attack.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

import structlog

from receiver.metrics import Metrics

log = structlog.get_logger(__name__)

#: One line a second for each source and cause; the counter has them all.
QUIET_SECONDS = 1.0

_ADDRESS = re.compile(r"[0-9A-Za-z.:%_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One request that was not taken.

    `source` is a configured one, or `unknown`. `detail` holds nothing that the sender wrote.
    """

    source: str
    cause: str
    detail: str
    remote: str


class Rejections:
    """Counts every rejection and logs a bounded number of them; `clock` is in seconds."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float] = monotonic) -> None:
        self._counter = metrics.rejections
        self._clock = clock
        self._last: dict[tuple[str, str], float] = {}
        self._unsaid: dict[tuple[str, str], int] = {}

    def __call__(self, rejection: Rejection) -> None:
        """Take note of one rejection; never blocks, never raises."""
        key = (rejection.source, rejection.cause)
        self._counter.labels(*key).inc()
        now = self._clock()
        if now - self._last.get(key, -QUIET_SECONDS) < QUIET_SECONDS:
            self._unsaid[key] = self._unsaid.get(key, 0) + 1
            return
        self._last[key] = now
        log.warning(
            "webhook.rejected",
            source=rejection.source,
            cause=rejection.cause,
            detail=rejection.detail,
            remote=rejection.remote,
            not_logged=self._unsaid.pop(key, 0),
        )


def remote_address(client: tuple[str, int] | None) -> str:
    """The peer's address; what a proxy passed on that is none is not repeated."""
    if client is None:
        return "unknown"
    return client[0] if _ADDRESS.fullmatch(client[0]) else "unreadable"
