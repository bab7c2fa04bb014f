"""What is refused before a body is read: a method, a compression, a length.

Owns those errors in their order. Refuses to read anything of a body.
"""

from __future__ import annotations

from dataclasses import dataclass

from receiver.web.body_budget import Budget
from receiver.web.errors import HTTPError
from receiver.web.request import WebRequest, too_large


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may take: bytes of a body, seconds for sending it, a share of the budget."""

    body_bytes: int
    body_seconds: float
    budget: Budget


def ensure_acceptable(request: WebRequest, limits: Limits) -> None:
    """Raise HTTPError for what is refused whatever the body holds."""
    if request.method != "POST":
        allowed = (("allow", "GET, HEAD, POST"),)
        raise HTTPError(405, "method-not-allowed", "Send webhooks by POST.", headers=allowed)
    if request.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        accepted = (("accept-encoding", "identity"),)
        message = "Send the body without compression."
        raise HTTPError(415, "compressed-body", message, headers=accepted)
    if (request.declared_bytes or 0) > limits.body_bytes:
        raise too_large(limits.body_bytes)
