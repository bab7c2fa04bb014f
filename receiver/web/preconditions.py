"""What is refused before a request is looked into: a method, a compression, a source not ready.

Owns those refusals in their order. Refuses to read anything of a body.
"""

from __future__ import annotations

from dataclasses import dataclass

from receiver.signatures import Scheme
from receiver.sources.registry import KnownSource
from receiver.web.body_budget import Room
from receiver.web.request import HTTPError, WebRequest, too_large

#: When to try again: soon where the database is behind, later where an operator has to act.
RETRY_SOON_SECONDS = 5
RETRY_LATER_SECONDS = 60

_ALLOW = ((b"allow", b"GET, HEAD, POST"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may take: bytes of a body, seconds over sending it, and room beside others."""

    body_bytes: int
    body_seconds: float
    room: Room


def refuse_untakeable(call: WebRequest, limits: Limits) -> None:
    """Raise HTTPError for what is known to be refused before a byte of the body is read."""
    if call.method != "POST":
        raise HTTPError(405, "method-not-allowed", "Send webhooks by POST.", headers=_ALLOW)
    if call.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise HTTPError(
            415,
            "compressed-body",
            "Send the body without compression.",
            headers=((b"accept-encoding", b"identity"),),
        )
    if call.declared_bytes > limits.body_bytes:
        raise too_large(limits.body_bytes)


def scheme_of(source: KnownSource) -> Scheme:
    """The source's scheme; raise HTTPError while its mapping cannot be used."""
    if source.scheme is None:
        raise not_ready("no-mapping", "its mapping file cannot be used")
    return source.scheme


def ensure_answerable(source: KnownSource) -> None:
    """Raise HTTPError where not even a set-up request could be answered."""
    handshakes = scheme_of(source).handshakes
    if not any(one.test_secrets or not one.signed for one in handshakes):
        ensure_ready(source)


def ensure_ready(source: KnownSource) -> Scheme:
    """The source's scheme; raise HTTPError while it can verify nothing."""
    scheme = scheme_of(source)
    if not source.has_secret:
        raise not_ready("no-secret", "none of its secrets is set")
    return scheme


def not_ready(cause: str, why: str) -> HTTPError:
    """The refusal of what an operator has to mend first."""
    return HTTPError(
        503,
        "not-ready",
        "This source cannot take deliveries yet; send them again later.",
        cause=cause,
        why=why,
        headers=((b"retry-after", b"%d" % RETRY_LATER_SECONDS),),
    )
