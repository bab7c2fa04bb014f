"""Requests that were not taken: counted each, logged sparingly, handed over to be kept.

Owns what is told of a rejection: source, cause, remote address, names of headers, size and hash
of the body. Refuses bodies, values of headers, secrets and text that a sender chose, and refuses
to be slow or to grow under attack.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic

import structlog

from jobs.intake.rejections import Rejected
from receiver.health.metrics import Metrics
from receiver.web.log_throttle import Quiet
from receiver.web.request import WebRequest

log = structlog.get_logger(__name__)

#: No vendor sends more headers than this.
MOST_NAMES = 60

_ADDRESS = re.compile(r"[0-9A-Za-z.:%_-]{1,64}")
#: A header's name as vendors write them; another one is a sender's way to leave us a message.
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
UNREADABLE = "unreadable"
#: A length may be declared that no database can hold; from here on it is only that: far too much.
MOST_BODY_BYTES = 2**63 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejection:
    """One request that was not taken.

    `source` is a configured one, or `unknown`. `detail` holds nothing that the sender wrote.
    `body_bytes` is what was declared where the body was not read whole, if anything was;
    `body_sha256` (hex) is None then. Of one that no source takes, `path` is what may be shown of
    the path, and those of one `group` are kept as one.
    """

    source: str
    cause: str
    detail: str
    remote: str
    header_names: tuple[str, ...] = ()
    body_bytes: int | None = None
    body_sha256: str | None = None
    path: str | None = None
    nearest_source: str | None = None
    remediation: str | None = None
    group: str | None = None


class Rejections:
    """Counts every rejection, logs a bounded number of them and hands all to `keep`.

    `clock` is in seconds. `keep` neither blocks nor raises.
    """

    def __init__(
        self,
        metrics: Metrics,
        keep: Callable[[Rejected], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._counter = metrics.rejections
        self._keep = keep
        self._quiet = Quiet(clock)

    def __call__(self, rejection: Rejection) -> None:
        """Take note of one rejection; never blocks, never raises."""
        key = (rejection.source, rejection.cause)
        self._counter.labels(*key).inc()
        self._keep(_kept(rejection))
        not_logged = self._quiet.unsaid(key)
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
    call: WebRequest, *, source: str, cause: str, detail: str, **more: str | None
) -> Rejection:
    """What is told of a request that was not taken."""
    body = call.body
    return Rejection(
        source=source,
        cause=cause,
        detail=detail,
        remote=remote_address(call.client),
        header_names=header_names(call.headers),
        body_bytes=_declared(call) if body is None else len(body),
        body_sha256=call.body_sha256,
        **more,
    )


def _declared(call: WebRequest) -> int | None:
    """What Content-Length says, 0 included; None where it says nothing."""
    return min(call.declared_bytes, MOST_BODY_BYTES) if call.declares_bytes else None


def remote_address(client: tuple[str, int] | None) -> str:
    """The peer's address; what a proxy passed on that is none is not repeated."""
    if client is None:
        return "unknown"
    return client[0] if _ADDRESS.fullmatch(client[0]) else UNREADABLE


def header_names(names: Iterable[str]) -> tuple[str, ...]:
    """Names (lower-case) in the order sent, 60 at most; what is no vendor's is not repeated."""
    told = dict.fromkeys(name if _NAME.fullmatch(name) else UNREADABLE for name in names)
    return tuple(told)[:MOST_NAMES]


def _kept(rejection: Rejection) -> Rejected:
    return Rejected(
        at=datetime.now(UTC),
        source=rejection.source,
        cause=rejection.cause,
        detail=rejection.detail,
        remote=rejection.remote,
        header_names=rejection.header_names,
        body_bytes=rejection.body_bytes,
        body_sha256=rejection.body_sha256,
        path=rejection.path,
        nearest_source=rejection.nearest_source,
        remediation=rejection.remediation,
        group=rejection.group,
    )
