"""POST /webhooks/{source}: read, verify, commit, answer; a 2xx only after COMMIT.

Owns the order of decisions and the answers. Refuses to parse a body or to tell a sender why it
was refused: the cause goes to the rejections.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Protocol

from starlette.types import Receive, Scope, Send

from jobs.errors import InboxUnavailable
from jobs.ids import new_id
from jobs.intake import Accepted, Incoming
from receiver.exchange import Call, Disconnected, Refused, refuse, respond, too_large
from receiver.identity import dedupe_key, vendor_id
from receiver.metrics import UNKNOWN, Metrics
from receiver.rejections import Rejection, rejection_of
from receiver.signatures import Answer, Scheme, SignatureError, Verified, verify
from receiver.sources import KnownSource

#: Never kept: headers that carry a credential whatever the scheme.
CREDENTIALS = frozenset(
    {
        "api-key",
        "authorization",
        "cookie",
        "proxy-authorization",
        "x-api-key",
        "x-auth-token",
        "x-gitlab-token",
    }
)
#: When to try again: soon where the database is behind, later where an operator has to act.
RETRY_SOON_SECONDS = 5
RETRY_LATER_SECONDS = 60

_WITHOUT_SECRET = frozenset({"no-secret", "malformed-secret"})
_ALLOW = ((b"allow", b"GET, HEAD, POST"),)


class TakesDeliveries(Protocol):
    """The inbox: returns after COMMIT, or raises InboxUnavailable."""

    async def accept(self, incoming: Incoming) -> Accepted: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a sender may take: bytes of a body, and seconds over sending it."""

    body_bytes: int
    body_seconds: float


class WebhookEndpoint:
    """The ASGI endpoint. `sources` gives the known sources as they are at the moment.

    `on_proof` is told the names of source and secret, and the time, of each proven request.
    """

    def __init__(
        self,
        *,
        sources: Callable[[], Mapping[str, KnownSource]],
        inbox: TakesDeliveries,
        limits: Limits,
        on_rejection: Callable[[Rejection], None],
        metrics: Metrics,
        public_url: str | None = None,
        on_proof: Callable[[str, str, float], None] = lambda _source, _secret, _now: None,
    ) -> None:
        self._sources = sources
        self._inbox = inbox
        self._limits = limits
        self._on_rejection = on_rejection
        self._metrics = metrics
        self._public_url = public_url
        self._on_proof = on_proof

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = Call(scope, receive, send)
        source: KnownSource | None = None
        try:
            source = self._known(call)
            answer = await self._answer(call, source)
        except Refused as refused:
            self._note(call, source, refused.cause, refused.detail)
            await refuse(call, refused)
        except Disconnected:
            self._note(call, source, "disconnected", "the sender left before its body was whole")
        else:
            await respond(call, answer)

    async def _answer(self, call: Call, source: KnownSource) -> Answer:
        if call.method in ("GET", "HEAD"):
            return _scheme_of(source).greeting
        _refuse_untakeable(call, self._limits)
        scheme = _ensure_ready(source)
        body = await call.read(self._limits.body_bytes, self._limits.body_seconds)
        now = time.time()
        verified = self._prove(call, source, scheme, body, now)
        if verified.secret_index < len(source.secret_names):
            self._on_proof(source.name, source.secret_names[verified.secret_index], now)
        accepted = await self._store(call, source, scheme, body, verified, now)
        self._count(call, source, accepted)
        return scheme.success or _our_answer(accepted)

    def _known(self, call: Call) -> KnownSource:
        source = self._sources().get(call.source)
        if source is None:
            raise Refused(404, "unknown-source", "No source of this name is configured.")
        return source

    def _prove(
        self, call: Call, source: KnownSource, scheme: Scheme, body: bytes, now: float
    ) -> Verified:
        prove = partial(
            verify,
            scheme,
            method=call.method,
            url=call.url(self._public_url),
            headers=call.headers,
            body=body,
            now=now,
        )
        try:
            return prove(secrets=source.secrets_at(now))
        except SignatureError as error:
            if error.cause in _WITHOUT_SECRET:
                raise _not_ready(error.cause, error.detail) from None
            cause, why = error.cause, error.detail
        ended = source.ended_secrets(now)
        if ended and _proves(prove, ended):
            cause, why = "ended-secret", "signed with a secret that its `not_after` has ended"
        raise Refused(
            401,
            "not-verified",
            "The signature of this request could not be verified.",
            cause=cause,
            why=why,
        )

    async def _store(
        self,
        call: Call,
        source: KnownSource,
        scheme: Scheme,
        body: bytes,
        verified: Verified,
        now: float,
    ) -> Accepted:
        body_sha256 = hashlib.sha256(body).hexdigest()
        try:
            return await self._inbox.accept(
                Incoming(
                    source=source.name,
                    dedupe_key=dedupe_key(
                        verified,
                        body_sha256=body_sha256,
                        dedupe=source.dedupe,
                        delivery_id=new_id() if source.dedupe else "",
                    ),
                    body=body,
                    body_sha256=body_sha256,
                    headers=_kept(call.headers, scheme),
                    received_at=datetime.fromtimestamp(now, UTC),
                    vendor_id=vendor_id(verified),
                    id_signed=verified.delivery_id_signed,
                )
            )
        except InboxUnavailable as error:
            raise Refused(
                503,
                "unavailable",
                "The delivery could not be stored; send it again.",
                cause="not-committed",
                why=str(error),
                headers=((b"retry-after", b"%d" % RETRY_SOON_SECONDS),),
            ) from None

    def _count(self, call: Call, source: KnownSource, accepted: Accepted) -> None:
        answer = "duplicate" if accepted.duplicate else "accepted"
        self._metrics.deliveries.labels(source.name, answer).inc()
        self._metrics.intake_seconds.observe(time.perf_counter() - call.began)

    def _note(self, call: Call, source: KnownSource | None, cause: str, detail: str) -> None:
        self._on_rejection(
            rejection_of(
                call, source=source.name if source else UNKNOWN, cause=cause, detail=detail
            )
        )


def _refuse_untakeable(call: Call, limits: Limits) -> None:
    """Raise Refused for what is known to be refused before a byte of the body is read."""
    if call.method != "POST":
        raise Refused(405, "method-not-allowed", "Send webhooks by POST.", headers=_ALLOW)
    if call.headers.get("content-encoding", "").strip().lower() not in ("", "identity"):
        raise Refused(
            415,
            "compressed-body",
            "Send the body without compression.",
            headers=((b"accept-encoding", b"identity"),),
        )
    if call.declared_bytes > limits.body_bytes:
        raise too_large(limits.body_bytes)


def _scheme_of(source: KnownSource) -> Scheme:
    if source.scheme is None:
        raise _not_ready("no-mapping", "its mapping file cannot be used")
    return source.scheme


def _ensure_ready(source: KnownSource) -> Scheme:
    scheme = _scheme_of(source)
    if not source.has_secret:
        raise _not_ready("no-secret", "none of its secrets is set")
    return scheme


def _not_ready(cause: str, why: str) -> Refused:
    return Refused(
        503,
        "not-ready",
        "This source cannot take deliveries yet; send them again later.",
        cause=cause,
        why=why,
        headers=((b"retry-after", b"%d" % RETRY_LATER_SECONDS),),
    )


def _proves(prove: Callable[..., Verified], secrets: Sequence[str]) -> bool:
    try:
        prove(secrets=secrets)
    except SignatureError:
        return False
    return True


def _kept(headers: Mapping[str, str], scheme: Scheme) -> dict[str, str]:
    return {
        name: value
        for name, value in headers.items()
        if name not in CREDENTIALS and name not in scheme.secret_headers
    }


def _our_answer(accepted: Accepted) -> Answer:
    status, word = (200, "duplicate") if accepted.duplicate else (202, "accepted")
    body = f'{{"status":"{word}","delivery":"{accepted.delivery_id}"}}'
    return Answer(status, body.encode(), "application/json")
