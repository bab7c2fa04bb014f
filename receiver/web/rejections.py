"""Requests that were not taken: counted each, logged sparingly, passed on to be stored.

Owns what is recorded of a rejection: source, cause, remote address, names of headers, size and hash
of the body. Refuses bodies, values of headers, secrets and text that a sender chose, and refuses
to be slow or to grow under attack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from time import monotonic
from typing import Any

import structlog

from jobs.intake.rejections import Rejected
from receiver.health.metrics import Metrics
from receiver.web.log_throttle import LogThrottle
from receiver.web.request import WebRequest

log = structlog.get_logger(__name__)

#: No vendor sends more headers than this.
MAX_NAMES = 60

_ADDRESS = re.compile(r"[0-9A-Za-z.:%_-]{1,64}")
#: A header's name as vendors write them; any other is a sender's way to leave a message.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
UNREADABLE = "unreadable"


class Rejections:
    """Counts every rejection, logs a bounded number of them and passes all to `store`.

    `clock` is in seconds. `store` neither blocks nor raises.
    """

    def __init__(
        self,
        metrics: Metrics,
        store: Callable[[Rejected], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._counter = metrics.rejections
        self._store = store
        self._throttle = LogThrottle(clock)

    def __call__(self, rejection: Rejected) -> None:
        """Record one rejection; never blocks, never raises."""
        key = (rejection.source, rejection.cause)
        self._counter.labels(*key).inc()
        self._store(rejection)
        not_logged = self._throttle.suppressed(key)
        if not_logged is None:
            return
        log.warning(
            "webhook.rejected",
            source=rejection.source,
            cause=rejection.cause,
            detail=rejection.detail,
            remote=rejection.remote,
            not_logged=not_logged,
        )


def rejection_of(
    request: WebRequest, source: str, cause: str, detail: str, **more: Any
) -> Rejected:
    """What is recorded of a request that was not taken; `detail` holds nothing of the sender's."""
    return Rejected(
        at=datetime.now(UTC),
        source=source,
        cause=cause,
        detail=detail,
        remote=remote_address(request.client),
        header_names=header_names(request.headers),
        body_bytes=request.declared_bytes if request.body is None else len(request.body),
        body_sha256=request.body_sha256,
        **more,
    )


def remote_address(client: tuple[str, int] | None) -> str:
    """The peer's address; what a proxy passed on that is none is not repeated."""
    if client is None:
        return "unknown"
    return client[0] if _ADDRESS.fullmatch(client[0]) else UNREADABLE


def header_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names (lower-case) in the order sent, 60 at most; what no vendor writes is not repeated."""
    readable = dict.fromkeys(name if _NAME.fullmatch(name) else UNREADABLE for name in names)
    return tuple(readable)[:MAX_NAMES]
