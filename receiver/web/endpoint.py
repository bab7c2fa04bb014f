"""POST /webhooks/{source}: read, verify, sanitize, commit, respond; a 2xx only after COMMIT.

Owns the order of these steps and the responses. Refuses to parse a body or to tell a sender why it
was refused: the cause goes to the rejections.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus

from starlette.types import Receive, Scope, Send

from jobs.common.errors import InboxUnavailable
from jobs.common.ids import new_id
from jobs.intake.commit import Accepted, Incoming
from jobs.intake.rejections import Rejected
from receiver.health.metrics import Metrics
from receiver.signatures import Handshake, Request, Response, SignatureError, Verified
from receiver.sources.registry import (
    UNUSABLE_SECRET,
    ClosedSource,
    KnownSource,
    ReadySource,
    SourceState,
)
from receiver.web.body import Disconnected
from receiver.web.body_budget import Reservation
from receiver.web.dedupe import dedupe_key, vendor_id
from receiver.web.errors import HTTPError, not_ready
from receiver.web.handshakes import Handshakes
from receiver.web.misrouted import Misrouted
from receiver.web.preconditions import Limits, ensure_acceptable
from receiver.web.rejections import rejection_of
from receiver.web.request import WebRequest, refuse, respond
from receiver.web.sanitize import StoredRequest, sanitize
from receiver.web.verification import LARGE_BYTES, VerificationQueue


class WebhookEndpoint:
    """The ASGI endpoint. `sources` gives the known sources as they are at the moment.

    `accept` is the inbox's: it returns after COMMIT, or raises InboxUnavailable. `on_verified` gets
    the names of source and secret, and the time, of each verified request; `on_signed_time` the
    source, and how many seconds ago a request was signed, where that shows anything of our clock.
    """

    def __init__(
        self,
        *,
        sources: Callable[[], Mapping[str, KnownSource]],
        accept: Callable[[Incoming], Awaitable[Accepted]],
        limits: Limits,
        on_rejection: Callable[[Rejected], None],
        metrics: Metrics,
        public_url: str | None = None,
        on_verified: Callable[[str, str, datetime], None] = lambda _source, _secret, _now: None,
        on_signed_time: Callable[[str, float], None] = lambda _source, _lag_seconds: None,
        handshakes: Handshakes | None = None,
        misrouted: Misrouted | None = None,
    ) -> None:
        self._sources = sources
        self._accept = accept
        self._limits = limits
        self._on_rejection = on_rejection
        self._metrics = metrics
        self._public_url = public_url
        self._on_verified = on_verified
        self._on_signed_time = on_signed_time
        self._handshakes = handshakes or Handshakes()
        self._misrouted = misrouted or Misrouted(
            sources=sources, base=public_url or "", on_rejection=on_rejection
        )
        self._queue = VerificationQueue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = WebRequest(scope, receive, send)
        source: KnownSource | None = None
        try:
            source = self._find(request)
            with self._limits.budget.reserve() as reservation:
                response = await self._answer(request, source, reservation)
        except HTTPError as error:
            self._note(request, source, error.cause, error.detail)
            await _refuse(request, error, source)
        except Disconnected:
            detail = "the sender left before its body was whole"
            self._note(request, source, "disconnected", detail)
        else:
            await respond(request, response)

    async def _answer(
        self, request: WebRequest, known: KnownSource, reservation: Reservation
    ) -> Response:
        is_read = request.method in ("GET", "HEAD")
        if not is_read:
            ensure_acceptable(request, self._limits)
        source = _answerable(known, without_secret=is_read)
        if not is_read:
            limits = self._limits
            await request.read(limits.body_bytes, limits.body_seconds, reservation)
        called, now = request.as_called(self._public_url), time.time()
        handshake = self._handshakes.recognised(source.scheme, called)
        if handshake is not None:
            return await self._shake_hands(request, source, handshake, called, now)
        if is_read:
            return source.scheme.greeting
        verified = await self._verify(request, _with_secret(source), called, now)
        lag = source.clock_lag(verified, now)
        if lag is not None:
            self._on_signed_time(source.name, lag)
        stored = await sanitize(source, called, verified)
        accepted = await self._store(request, source, stored, verified)
        self._count(request, source, accepted)
        return _acknowledgement(source.scheme.acknowledgement(called), accepted)

    def _find(self, request: WebRequest) -> KnownSource:
        source = self._sources().get(request.source)
        if source is None or (request.has_more_path and not source.takes_path):
            raise HTTPError(404, "unknown-source", "No source of this name is configured.")
        return source

    async def _shake_hands(
        self,
        request: WebRequest,
        source: ReadySource,
        handshake: Handshake,
        called: Request,
        now: float,
    ) -> Response:
        """Answer a set-up request; its signature is verified first where it has one."""
        gated = handshake.gate is not None
        secrets = source.gate_secrets(now) if gated else source.secrets_at(now)
        if handshake.signed:
            extra = handshake.test_secrets
            verified = await self._verify(request, source, called, now, extra=extra)
            secrets = ((*source.secrets_at(now), *extra)[verified.secret_index],)
        return await self._handshakes.answer(source.name, handshake, called, secrets=secrets)

    async def _verify(
        self,
        request: WebRequest,
        source: ReadySource,
        called: Request,
        now: float,
        *,
        extra: tuple[str, ...] = (),
    ) -> Verified:
        """Verify the request, a large body beside the loop, when it is its source's turn."""
        verify = partial(source.verify, called, now=now, extra=extra)

        def hash_and_verify() -> Verified:
            _ = request.body_sha256  # for the delivery or the rejection
            return verify()

        try:
            if len(called.body) <= LARGE_BYTES:
                verified = verify()
            else:
                verified = await self._queue.run(source.name, hash_and_verify)
        except SignatureError as error:
            raise _not_verified(error) from None
        if name := source.secret_name(verified):
            self._metrics.verifications.labels(source.name, name).inc()
            self._on_verified(source.name, name, datetime.fromtimestamp(now, UTC))
        return verified

    async def _store(
        self, request: WebRequest, source: ReadySource, stored: StoredRequest, verified: Verified
    ) -> Accepted:
        body_sha256 = request.body_sha256 or ""
        key = dedupe_key(
            verified,
            body_sha256=body_sha256,
            dedupe=source.dedupe,
            delivery_id=new_id() if source.dedupe else "",
        )
        incoming = Incoming(
            source=source.name,
            dedupe_key=key,
            body=stored.body,
            body_sha256=body_sha256,
            headers=stored.headers,
            redacted=stored.redacted,
            vendor_id=vendor_id(verified),
            id_signed=verified.delivery_id_signed,
            one_body=verified.one_body,
            verified_by=source.secret_name(verified),
        )
        try:
            return await self._accept(incoming)
        except InboxUnavailable as error:
            raise HTTPError(
                503,
                "unavailable",
                "The delivery could not be stored; send it again.",
                cause="not-committed",
                detail=str(error),
            ) from None

    def _count(self, request: WebRequest, source: ReadySource, accepted: Accepted) -> None:
        answer = "duplicate" if accepted.duplicate else "accepted"
        self._metrics.deliveries.labels(source.name, answer).inc()
        self._metrics.intake_seconds.observe(time.perf_counter() - request.started)

    def _note(
        self, request: WebRequest, source: KnownSource | None, cause: str, detail: str
    ) -> None:
        if source is None:
            self._misrouted.note_unknown(request)
        else:
            self._on_rejection(rejection_of(request, source.name, cause, detail))


async def _refuse(request: WebRequest, error: HTTPError, source: KnownSource | None) -> None:
    """Send the error, in the form on which the source's vendor insists where it is a 401."""
    failure = source.failure if source else None
    if error.status == HTTPStatus.UNAUTHORIZED and failure is not None:
        await respond(request, failure)
    else:
        await refuse(request, error)


def _answerable(source: KnownSource, *, without_secret: bool) -> ReadySource:
    """The source, or the 503 where nothing it is sent could be answered."""
    if isinstance(source, ClosedSource):
        raise not_ready(source.state, "its mapping file cannot be used")
    return source if without_secret or source.is_answerable else _with_secret(source)


def _with_secret(source: ReadySource) -> ReadySource:
    """The source, or the 503 while it can verify nothing."""
    if source.state is SourceState.NO_SECRET:
        raise not_ready(source.state, "none of its secrets is set")
    return source


def _not_verified(error: SignatureError) -> HTTPError:
    """The 401 of a request that is not verified; a 503 where that is not the sender's fault."""
    if error.cause in UNUSABLE_SECRET:
        return not_ready(error.cause, error.detail)
    return HTTPError(
        401,
        "not-verified",
        "The signature of this request could not be verified.",
        cause=error.cause,
        detail=error.detail,
    )


def _acknowledgement(wanted: Response | None, accepted: Accepted) -> Response:
    """What the vendor asks for, the same for a repeat; what it leaves open is the receiver's."""
    if wanted is not None and not wanted.own_body:
        return wanted
    status, word = (200, "duplicate") if accepted.duplicate else (202, "accepted")
    body = f'{{"status":"{word}","delivery":"{accepted.delivery_id}"}}'
    return Response(wanted.status if wanted else status, body.encode(), "application/json")
