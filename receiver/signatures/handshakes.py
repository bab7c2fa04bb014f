"""Set-up requests: how each is recognised, and what it must be answered. Nothing is stored.

Owns the shapes; the vendors are data (`presets`). An answer repeats only what the request itself
held, and an unsigned request proves nothing beyond that.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import Field
from receiver.signatures.records import Answer, Request

#: No set-up request is longer, and nothing longer is repeated to its sender.
LONGEST_BODY = 64 * 1024
LONGEST_ECHO = 8192

EMPTY = Answer(200)

_PLAIN_TOKEN = Field("body", "payload.plainToken")


@dataclass(frozen=True, slots=True)
class Echo:
    """Answers with the text of a field: as it stands, as a JSON member, and/or in a header."""

    field: Field
    content_type: str | None = "text/plain"
    member: str | None = None
    header: str | None = None
    in_body: bool = True

    def reply(self, request: Request, secret: str) -> Answer:
        """The answer; raise SignatureError where there is nothing to repeat."""
        del secret
        text = self.field.read(request) or ""
        if not 0 < len(text) <= LONGEST_ECHO:
            raise SignatureError("malformed-handshake")
        content = _compact({self.member: text}) if self.member else text
        return Answer(
            200,
            content.encode("utf-8", "replace") if self.in_body else b"",
            self.content_type,
            ((self.header, text),) if self.header else (),
        )


@dataclass(frozen=True, slots=True)
class Fixed:
    """Answers the same to everybody."""

    answer: Answer = EMPTY

    def reply(self, request: Request, secret: str) -> Answer:
        """The answer."""
        del request, secret
        return self.answer


@dataclass(frozen=True, slots=True)
class ZoomToken:
    """Answers Zoom's token together with its HMAC under the secret token.

    https://developers.zoom.us/docs/api/webhooks/#validate-your-webhook-endpoint (2026-08).
    """

    field: Field = _PLAIN_TOKEN

    def reply(self, request: Request, secret: str) -> Answer:
        """The answer; raise SignatureError where there is no token."""
        token = self.field.read(request) or ""
        if not 0 < len(token) <= LONGEST_ECHO:
            raise SignatureError("malformed-handshake")
        try:
            digest = hmac.digest(secret.encode(), token.encode(), hashlib.sha256).hex()
        except UnicodeEncodeError:
            raise SignatureError("malformed-handshake") from None
        body = json.dumps({"plainToken": token, "encryptedToken": digest})
        return Answer(200, body.encode(), "application/json")


@dataclass(frozen=True, slots=True)
class Ask:
    """One mark of a set-up request: a field that is there, with exactly this text where given."""

    field: Field
    text: str | None = None
    absent: bool = False

    def met_by(self, request: Request) -> bool:
        """Whether the request bears the mark; raise SignatureError if it cannot be read."""
        found = self.field.read(request)
        if self.absent:
            return found is None
        return found is not None and self.text in (None, found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Handshake:
    """One kind of set-up request.

    `signed` ones are answered only when the signature holds, under a configured secret or one of
    `test_secrets`, which prove nothing else. `gate` names a field that must equal a configured
    secret. `learns` names the field whose text becomes the secret of the source: taken only
    while the operator has opened a window for it. `shows` names fields that the operator needs
    to see; they are kept for a window that is open, and otherwise dropped.
    """

    name: str
    asks: tuple[Ask, ...]
    reply: Echo | Fixed | ZoomToken = Fixed()
    method: str = "POST"
    signed: bool = True
    test_secrets: tuple[str, ...] = ()
    gate: Field | None = None
    learns: Field | None = None
    shows: tuple[Field, ...] = ()

    def recognises(self, request: Request) -> bool:
        """Whether this is that kind; never raises."""
        if request.method != self.method or len(request.body) > LONGEST_BODY:
            return False
        try:
            return all(ask.met_by(request) for ask in self.asks)
        except SignatureError:
            return False

    def answer(self, request: Request, secrets: Sequence[str]) -> Answer:
        """The answer to a recognised request; `secrets` are those that may have signed it.

        Raises SignatureError where the gate stays shut or nothing can be answered.
        """
        if self.gate is not None:
            _pass_gate(self.gate.read(request) or "", secrets)
        return self.reply.reply(request, secrets[0] if secrets else "")


def _pass_gate(text: str, secrets: Sequence[str]) -> None:
    given = text.encode("utf-8", "backslashreplace")
    known = [secret.encode("utf-8", "backslashreplace") for secret in secrets if secret.strip()]
    if not known:
        raise SignatureError("no-secret")
    if not sum(hmac.compare_digest(secret, given) for secret in known):
        raise SignatureError("wrong-token")


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
