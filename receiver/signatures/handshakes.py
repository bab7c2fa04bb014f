"""Set-up requests: how each is recognised, and what it must be answered. Nothing is stored.

Owns the shapes; the vendors are data (`presets`). An answer repeats only what the request itself
held, and an unsigned request verifies nothing beyond that.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from receiver.signatures import codecs
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import Field, form_fields
from receiver.signatures.records import Request, Response

#: No set-up request is longer, and nothing longer is repeated to its sender.
LONGEST_BODY = 64 * 1024
LONGEST_ECHO = 8192

EMPTY = Response(200)

#: A challenge whose HMAC is answered to anyone who asks: nothing that a body could be made of.
_UNSIGNED_CHALLENGE = re.compile(r"[A-Za-z0-9._~+/-]{1,512}={0,2}")


@dataclass(frozen=True, slots=True)
class Echo:
    """Answers with the text of a field: as it stands, as a JSON member, and/or in a header.

    Never as HTML, and never with control characters.
    """

    field: Field
    content_type: str | None = "text/plain"
    member: str | None = None
    header: str | None = None
    in_body: bool = True

    def reply(self, request: Request, secret: str) -> Response:
        """The answer; raise SignatureError where there is nothing to repeat."""
        del secret
        text = _challenge(self.field, request)
        content = _compact({self.member: text}) if self.member else text
        return Response(
            200,
            content.encode() if self.in_body else b"",
            self.content_type,
            ((self.header, _header_text(text)),) if self.header else (),
        )


@dataclass(frozen=True, slots=True)
class Fixed:
    """Answers the same to everybody."""

    answer: Response = EMPTY

    def reply(self, request: Request, secret: str) -> Response:
        """The answer."""
        del request, secret
        return self.answer


class Reply(Protocol):
    """How a set-up request is answered."""

    def reply(self, request: Request, secret: str) -> Response:
        """The answer; raise SignatureError where nothing can be answered."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """Answers with the HMAC of a field under the secret, read as `key_encoding` states.

    `member` is the JSON member that holds it, `repeats` one that holds the field's own text beside
    it; without `member` the answer is the text alone, in `header` where one is named.
    `in_the_open` is that of a request that is unsigned: anyone who knows the URL has the HMAC of a
    text of their choice then, so only such a text is taken as no body is made of.
    """

    field: Field
    member: str | None = None
    repeats: str | None = None
    header: str | None = None
    algorithm: str = "sha256"
    encoding: str = "hex"
    prefix: str = ""
    key_encoding: str = "utf8"
    in_the_open: bool = False

    def reply(self, request: Request, secret: str) -> Response:
        """The answer; raise SignatureError where there is no challenge or no key."""
        challenge = _challenge(self.field, request)
        if self.in_the_open and not _UNSIGNED_CHALLENGE.fullmatch(challenge):
            raise SignatureError("malformed-handshake", "its challenge is no plain word")
        [(_, key)] = codecs.usable_keys([secret], self.key_encoding)
        digest = hmac.digest(key, challenge.encode(), self.algorithm)
        text = self.prefix + codecs.ENCODINGS[self.encoding](digest)
        if self.member is None:
            if self.header is not None:
                return Response(200, headers=((self.header, text),))
            return Response(200, text.encode(), "text/plain")
        repeated = {self.repeats: challenge} if self.repeats else {}
        body = json.dumps({**repeated, self.member: text})
        return Response(200, body.encode(), "application/json")


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
    `test_secrets`, which verify nothing else. `gate` names a field that must equal a configured
    secret. `learns` names the field whose text becomes the secret of the source: taken only
    while the operator has opened a window for it. `shows` names fields that the operator needs
    to see; they are kept for a window that is open, and otherwise dropped. `form_of` names the
    fields of a form that is nothing else: with another field, or one twice, it is a delivery.
    """

    name: str
    asks: tuple[Ask, ...]
    reply: Reply = Fixed()
    method: str = "POST"
    signed: bool = True
    test_secrets: tuple[str, ...] = ()
    gate: Field | None = None
    learns: Field | None = None
    shows: tuple[Field, ...] = ()
    form_of: frozenset[str] | None = None

    def recognises(self, request: Request) -> bool:
        """Whether this is that kind; never raises."""
        if request.method != self.method or len(request.body) > LONGEST_BODY:
            return False
        try:
            return self._has_form(request) and all(ask.met_by(request) for ask in self.asks)
        except SignatureError:
            return False

    def _has_form(self, request: Request) -> bool:
        if self.form_of is None:
            return True
        names = [name for name, _ in form_fields(request.body)]
        return len(names) == len(set(names)) and self.form_of.issuperset(names)

    def answer(self, request: Request, secrets: Sequence[str]) -> Response:
        """The answer to a recognised request; `secrets` are those that may have signed it.

        Raises SignatureError where the gate stays shut or nothing can be answered.
        """
        if self.gate is not None:
            _pass_gate(self.gate.read(request) or "", secrets)
        return self.reply.reply(request, next((one for one in secrets if one.strip()), ""))


def _pass_gate(text: str, secrets: Sequence[str]) -> None:
    given = text.encode("utf-8", "backslashreplace")
    known = [secret.encode("utf-8", "backslashreplace") for secret in secrets if secret.strip()]
    if not known:
        raise SignatureError("no-secret")
    if not sum(hmac.compare_digest(secret, given) for secret in known):
        raise SignatureError("wrong-token")


def _challenge(field: Field, request: Request) -> str:
    """The text to answer with; raise SignatureError for none, a long one, or control characters."""
    text = field.read(request) or ""
    if not 0 < len(text) <= LONGEST_ECHO or not text.isprintable():
        raise SignatureError("malformed-handshake")
    return text


def _header_text(text: str) -> str:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        detail = "its challenge cannot stand in a header"
        raise SignatureError("malformed-handshake", detail) from None
    return text


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
