"""Set-up requests over HTTP: recognised, answered as the vendor insists, and never stored.

Owns what becomes of one, with its signature judged elsewhere. Refuses to learn a secret unless
the operator has opened a window for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from jobs.intake.pairing import Window
from receiver.signatures import Handshake, Request, Response, Scheme, SignatureError
from receiver.signatures.fields import one_of, query_fields
from receiver.web.log_throttle import Quiet
from receiver.web.request import HTTPError

log = structlog.get_logger(__name__)


#: The query parameter with the one-time part of the URL that `receiver pair` gives out.
PAIR = "pair"


class TakesSecrets(Protocol):
    """Takes what came through a window that is open for the source and for that token, or None."""

    async def __call__(
        self, source: str, *, token: str, learnt: str | None, shown: Mapping[str, str]
    ) -> Window | None: ...


async def _nothing() -> None:
    return


class Handshakes:
    """Answers set-up requests. `on_learnt` is called when there is a new secret to read."""

    def __init__(
        self,
        take: TakesSecrets | None = None,
        on_learnt: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._take = take
        self._on_learnt = on_learnt
        self._quiet = Quiet()

    def recognised(self, scheme: Scheme, request: Request) -> Handshake | None:
        """The kind of set-up request that this is; None for a delivery."""
        return next((one for one in scheme.handshakes if one.recognises(request)), None)

    async def answer(
        self,
        source: str,
        handshake: Handshake,
        request: Request,
        *,
        secrets: Sequence[str],
    ) -> Response:
        """The answer; `secrets` are those that signed it, or that may open its gate."""
        try:
            answer = handshake.answer(request, secrets)
        except SignatureError as error:
            raise _refused(error, gate=handshake.gate is not None) from None
        if handshake.learns or handshake.shows:
            await self._learn(source, handshake, request)
        not_logged = self._quiet.unsaid((source, handshake.name))
        if not_logged is not None:
            name = handshake.name
            log.info("webhook.handshake", source=source, handshake=name, not_logged=not_logged)
        return answer

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
            raise _refused(SignatureError("no-window"))


def _token(request: Request) -> str | None:
    try:
        return one_of(query_fields(request.url), PAIR)
    except SignatureError:
        return None


def _refused(error: SignatureError, *, gate: bool = False) -> HTTPError:
    """A gate that stays shut is 403, as vendors have it; a missing secret is nobody's fault."""
    if error.cause in ("no-secret", "malformed-secret"):
        return HTTPError(
            503,
            "not-ready",
            "This source cannot be set up yet; try again later.",
            cause=error.cause,
            why=error.detail,
        )
    return HTTPError(
        403 if gate else 401,
        "not-verified",
        "This request could not be verified.",
        cause=error.cause,
        why=error.detail,
    )
