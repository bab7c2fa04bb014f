"""Set-up requests over HTTP: recognised, answered as the vendor insists, and never stored.

Owns what becomes of one, with its signature judged elsewhere. Refuses to learn a secret unless
the operator has opened a window for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from receiver.exchange import Refused
from receiver.pairing import Pairing
from receiver.quiet import Quiet
from receiver.signatures import Answer, Handshake, Request, Scheme, SignatureError

log = structlog.get_logger(__name__)


class Handshakes:
    """Answers set-up requests. `on_learnt` is called when there is a new secret to read."""

    def __init__(
        self, pairing: Pairing | None = None, on_learnt: Callable[[], None] = lambda: None
    ) -> None:
        self._pairing = pairing
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
        now: float,
    ) -> Answer:
        """The answer; `secrets` are those that signed it, or that may open its gate."""
        try:
            answer = handshake.answer(request, secrets)
        except SignatureError as error:
            raise _refused(error, gate=handshake.gate is not None) from None
        if handshake.learns or handshake.shows:
            await self._learn(source, handshake, request, now)
        not_logged = self._quiet.unsaid((source, handshake.name))
        if not_logged is not None:
            name = handshake.name
            log.info("webhook.handshake", source=source, handshake=name, not_logged=not_logged)
        return answer

    async def _learn(self, source: str, handshake: Handshake, request: Request, now: float) -> None:
        learnt = handshake.learns.read(request) if handshake.learns else None
        shown = {field.name: field.read(request) or "" for field in handshake.shows}
        window = None
        if self._pairing is not None:
            window = await asyncio.to_thread(
                self._pairing.take, source, learnt=learnt, shown=shown, now=now
            )
        if window is not None:
            log.warning("source.paired", source=source, secret=window.secret)
            self._on_learnt()
        elif handshake.learns:
            raise _refused(SignatureError("no-window"))


def _refused(error: SignatureError, *, gate: bool = False) -> Refused:
    """A gate that stays shut is 403, as vendors have it; a missing secret is nobody's fault."""
    if error.cause == "no-secret":
        return Refused(
            503,
            "not-ready",
            "This source cannot be set up yet; try again later.",
            cause=error.cause,
            why=error.detail,
        )
    return Refused(
        403 if gate else 401,
        "not-verified",
        "This request could not be verified.",
        cause=error.cause,
        why=error.detail,
    )
