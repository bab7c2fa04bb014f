"""POST /webhooks/{source}: read, verify, redact, commit, answer; a 2xx only after COMMIT.

Owns the order of decisions and the answers. Refuses to parse a body or to tell a sender why it
was refused: the cause goes to the rejections.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from starlette.types import Receive, Scope, Send

from jobs.common.errors import InboxUnavailable
from jobs.common.ids import new_id
from jobs.intake.commit import Accepted, Incoming
from receiver.health.metrics import Metrics
from receiver.signatures import (
    Handshake,
    Request,
    Response,
    Scheme,
    SignatureError,
    Verified,
)
from receiver.sources.registry import KnownSource
from receiver.web.body_budget import Place
from receiver.web.dedupe import dedupe_key, vendor_id
from receiver.web.handshakes import Handshakes
from receiver.web.misrouted import Strays
from receiver.web.preconditions import (
    RETRY_SOON_SECONDS,
    Limits,
    ensure_answerable,
    ensure_ready,
    not_ready,
    refuse_untakeable,
    scheme_of,
)
from receiver.web.rejections import Rejection, rejection_of
from receiver.web.request import Disconnected, HTTPError, WebRequest, refuse, respond
from receiver.web.sanitize import Kept, kept_of
from receiver.web.verification import LARGE_BYTES, VerificationQueue

UNAUTHORIZED = 401

_WITHOUT_SECRET = frozenset({"no-secret", "malformed-secret"})


class TakesDeliveries(Protocol):
    """The inbox: returns after COMMIT, or raises InboxUnavailable."""

    async def accept(self, incoming: Incoming) -> Accepted: ...


class WebhookEndpoint:
    """The ASGI endpoint. `sources` gives the known sources as they are at the moment.

    `on_verified` is told the names of source and secret, and the time, of each verified request;
    `on_signed_time` the source, and how many seconds ago it was signed, where it says when.
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
        on_verified: Callable[[str, str, float], None] = lambda _source, _secret, _now: None,
        on_signed_time: Callable[[str, float], None] = lambda _source, _lag_seconds: None,
        handshakes: Handshakes | None = None,
        strays: Strays | None = None,
    ) -> None:
        self._sources = sources
        self._inbox = inbox
        self._limits = limits
        self._on_rejection = on_rejection
        self._metrics = metrics
        self._public_url = public_url
        self._on_verified = on_verified
        self._on_signed_time = on_signed_time
        self._handshakes = handshakes or Handshakes()
        self._strays = strays or Strays(
            sources=sources, base=public_url or "", on_rejection=on_rejection
        )
        self._verifications = VerificationQueue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        call = WebRequest(scope, receive, send)
        source: KnownSource | None = None
        try:
            source = self._known(call)
            with self._limits.room.place() as place:
                answer = await self._answer(call, source, place)
        except HTTPError as refused:
            self._note(call, source, refused.cause, refused.detail)
            await _refuse(call, refused, source)
        except Disconnected:
            self._note(call, source, "disconnected", "the sender left before its body was whole")
        else:
            await respond(call, answer)

    async def _answer(self, call: WebRequest, source: KnownSource, place: Place) -> Response:
        body = b""
        if call.method not in ("GET", "HEAD"):
            refuse_untakeable(call, self._limits)
            ensure_answerable(source)
            body = await call.read(self._limits.body_bytes, self._limits.body_seconds, place)
        scheme, now = scheme_of(source), time.time()
        request = Request(call.method, call.url(self._public_url), call.headers, body)
        handshake = self._handshakes.recognised(scheme, request)
        if handshake is not None:
            return await self._shake_hands(call, source, scheme, handshake, request, now)
        if call.method != "POST":
            return scheme.greeting
        verified = await self._verify(call, source, ensure_ready(source), request, now)
        if verified.timestamp is not None and not _is_retry(scheme, now - verified.timestamp):
            self._on_signed_time(source.name, now - verified.timestamp)
        kept = await kept_of(source, scheme, request, verified)
        accepted = await self._store(call, source, kept, verified)
        self._count(call, source, accepted)
        return _acknowledgement(scheme.acknowledgement(request), accepted)

    async def _shake_hands(
        self,
        call: WebRequest,
        source: KnownSource,
        scheme: Scheme,
        handshake: Handshake,
        request: Request,
        now: float,
    ) -> Response:
        """Answer a set-up request; its signature is verified first where it has one."""
        gated = handshake.gate is not None
        secrets = source.gate_secrets(now) if gated else source.secrets_at(now)
        if handshake.signed:
            extra = handshake.test_secrets
            verified = await self._verify(call, source, scheme, request, now, extra=extra)
            secrets = ((*source.secrets_at(now), *extra)[verified.secret_index],)
        return await self._handshakes.answer(source.name, handshake, request, secrets=secrets)

    def _known(self, call: WebRequest) -> KnownSource:
        source = self._sources().get(call.source)
        more = call.has_more_path
        if source is None or (more and not (source.scheme and source.scheme.takes_path)):
            raise HTTPError(404, "unknown-source", "No source of this name is configured.")
        return source

    async def _verify(
        self,
        call: WebRequest,
        source: KnownSource,
        scheme: Scheme,
        request: Request,
        now: float,
        *,
        extra: tuple[str, ...] = (),
    ) -> Verified:
        """Verify by one of the source's secrets, or by an `extra` one behind them.

        A large body is looked into beside the loop, when it is its source's turn.
        """
        work = partial(_verified, source, scheme, request, now, extra)
        if len(request.body) <= LARGE_BYTES:
            verified = work()
        else:

            def beside_the_loop() -> Verified:
                _ = call.body_sha256  # for the delivery or the rejection
                return work()

            verified = await self._verifications.run(source.name, beside_the_loop)
        if name := _secret_name(source, verified):
            self._on_verified(source.name, name, now)
        return verified

    async def _store(
        self,
        call: WebRequest,
        source: KnownSource,
        kept: Kept,
        verified: Verified,
    ) -> Accepted:
        body_sha256 = call.body_sha256 or ""
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
                    body=kept.body,
                    body_sha256=body_sha256,
                    headers=kept.headers,
                    redacted=kept.redacted,
                    vendor_id=vendor_id(verified),
                    id_signed=verified.delivery_id_signed,
                    one_body=verified.one_body,
                    verified_by=_secret_name(source, verified),
                )
            )
        except InboxUnavailable as error:
            raise HTTPError(
                503,
                "unavailable",
                "The delivery could not be stored; send it again.",
                cause="not-committed",
                why=str(error),
                headers=((b"retry-after", b"%d" % RETRY_SOON_SECONDS),),
            ) from None

    def _count(self, call: WebRequest, source: KnownSource, accepted: Accepted) -> None:
        answer = "duplicate" if accepted.duplicate else "accepted"
        self._metrics.deliveries.labels(source.name, answer).inc()
        self._metrics.intake_seconds.observe(time.perf_counter() - call.began)

    def _note(self, call: WebRequest, source: KnownSource | None, cause: str, detail: str) -> None:
        if source is None:
            self._strays.note_unknown(call)
        else:
            self._on_rejection(rejection_of(call, source=source.name, cause=cause, detail=detail))


async def _refuse(call: WebRequest, refused: HTTPError, source: KnownSource | None) -> None:
    """Refuse, in the form on which the source's vendor insists where it is not verified."""
    failure = source.scheme.failure if source and source.scheme else None
    if refused.status == UNAUTHORIZED and failure is not None:
        await respond(call, failure)
    else:
        await refuse(call, refused)


def _acknowledgement(wanted: Response | None, accepted: Accepted) -> Response:
    """What the vendor asks for, the same for a repeat; what it leaves open is the receiver's."""
    if wanted is not None and not wanted.own_body:
        return wanted
    status, word = (200, "duplicate") if accepted.duplicate else (202, "accepted")
    body = f'{{"status":"{word}","delivery":"{accepted.delivery_id}"}}'
    return Response(wanted.status if wanted else status, body.encode(), "application/json")


def _is_retry(scheme: Scheme, lag_seconds: float) -> bool:
    """Whether only the part of the window that covers retries lets the request pass.

    Its time of signing is that of the first request, and shows nothing of our clock.
    """
    return scheme.window_seconds is not None and lag_seconds > scheme.tolerance_seconds


def _secret_name(source: KnownSource, verified: Verified) -> str | None:
    """The name of the secret that verified the request; None for one that has none."""
    index = verified.secret_index
    return source.secret_names[index] if index < len(source.secret_names) else None


def _verified(
    source: KnownSource, scheme: Scheme, request: Request, now: float, extra: tuple[str, ...]
) -> Verified:
    """Verify the request. Raises HTTPError for whatever is not verified."""
    verify = partial(scheme.verify, request, now=now)
    try:
        return verify(secrets=(*source.secrets_at(now), *extra))
    except SignatureError as error:
        if error.cause in _WITHOUT_SECRET:
            raise not_ready(error.cause, error.detail) from None
        cause, why = error.cause, error.detail
    ended = source.ended_secrets(now)
    if ended and _verifies(verify, ended):
        cause, why = "ended-secret", "signed with a secret that its `not_after` has ended"
    raise HTTPError(
        UNAUTHORIZED,
        "not-verified",
        "The signature of this request could not be verified.",
        cause=cause,
        why=why,
    )


def _verifies(verify: Callable[..., Verified], secrets: Sequence[str]) -> bool:
    try:
        verify(secrets=secrets)
    except SignatureError:
        return False
    return True
