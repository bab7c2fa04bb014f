"""Set-up requests over HTTP: recognised, answered as the vendor insists, and never stored.

Owns their responses; the endpoint verifies their signature. Refuses to learn a secret unless the
operator has opened a pairing window for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from jobs.intake.pairing import Window
from receiver.signatures import Handshake, Request, Response, Scheme, SignatureError
from receiver.signatures.fields import one_of, query_fields
from receiver.sources.registry import UNUSABLE_SECRET
from receiver.web.errors import HTTPError
from receiver.web.log_throttle import LogThrottle

log = structlog.get_logger(__name__)


#: The query parameter with the one-time part of the URL that `receiver pair` gives out.
PAIR = "pair"


class TakeLearnt(Protocol):
    """Takes what came in a pairing window; None where none is open for that source and token."""

    async def __call__(
        self, source: str, *, token: str, learnt: str | None, shown: Mapping[str, str]
    ) -> Window | None: ...


async def _nothing() -> None:
    return


class Handshakes:
    """Answers set-up requests. `on_learnt` is called when a new secret can be read."""

    def __init__(
        self,
        take: TakeLearnt | None = None,
        on_learnt: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._take = take
        self._on_learnt = on_learnt
        self._throttle = LogThrottle()

    def recognised(self, scheme: Scheme, request: Request) -> Handshake | None:
        """The kind of set-up request that this is; None for a delivery."""
        kinds = scheme.handshakes
        return next((handshake for handshake in kinds if handshake.recognises(request)), None)

    async def answer(
        self,
        source: str,
        handshake: Handshake,
        request: Request,
        *,
        secrets: Sequence[str],
    ) -> Response:
        """The response; `secrets` are those that signed it, or that may open its gate."""
        try:
            response = handshake.answer(request, secrets)
        except SignatureError as error:
            raise _error(error, gate=handshake.gate is not None) from None
        if handshake.learns or handshake.shows:
            await self._learn(source, handshake, request)
        not_logged = self._throttle.suppressed((source, handshake.name))
        if not_logged is not None:
            name = handshake.name
            log.info("webhook.handshake", source=source, handshake=name, not_logged=not_logged)
        return response

    async def _learn(self, source: str, handshake: Handshake, request: Request) -> None:
        learnt = handshake.learns.read(request) if handshake.learns else None
        shown = {field.name: field.read(request) or "" for field in handshake.shows}
        token, window = _token(request), None
        if self._take is not None and token:
            window = await self._take(source, token=token, learnt=learnt, shown=shown)
        if window is not None:
            log.warning("source.paired", source=source, secret=window.secret)
            await self._on_learnt()
        elif handshake.learns:
            raise _error(SignatureError("no-window"))


def _token(request: Request) -> str | None:
    try:
        return one_of(query_fields(request.url), PAIR)
    except SignatureError:
        return None


def _error(error: SignatureError, *, gate: bool = False) -> HTTPError:
    """A gate that stays shut is 403, as vendors have it; a missing secret is not their fault."""
    if error.cause in UNUSABLE_SECRET:
        message = "This source cannot be set up yet; try again later."
        return HTTPError(503, "not-ready", message, cause=error.cause, detail=error.detail)
    status, message = 403 if gate else 401, "This request could not be verified."
    return HTTPError(status, "not-verified", message, cause=error.cause, detail=error.detail)
