"""Digests that are no plain HMAC: a hash, one in several encodings, and the end of a token."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request, Strength
from receiver.signatures.signing import Values


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainHashScheme(HmacScheme):
    """HubSpot v1 and v2: sha256(secret + signed content) in hex. A version header must agree.

    https://legacydocs.hubspot.com/docs/faq/v1-request-validation and v2 (2026-08). A plain hash
    can be extended by anyone who knows one. What is appended begins with SHA-256's padding, which
    holds NULs; no JSON does, so such content is refused, whatever a content type makes of it.
    """

    version: str
    strength: ClassVar[Strength] = Strength.LEGACY

    def formula(self) -> Formula:
        """See Scheme."""
        formula = HmacScheme.formula(self)
        version = Written("header", "X-HubSpot-Signature-Version", self.version)
        content = f"{{secret}}{formula.content}"
        return replace(formula, method="hash", content=content, before=(version,))

    def _signature_items(self, request: Request) -> list[str]:
        version = request.headers.get("x-hubspot-signature-version", self.version).strip(" \t")
        if version != self.version:
            detail = f"it is signed as another version than {self.version}"
            raise SignatureError("malformed-signature", detail)
        return HmacScheme._signature_items(self, request)  # noqa: SLF001 - one family of classes

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        contents = HmacScheme._contents(self, request, stamp)  # noqa: SLF001 - one family
        if any(b"\0" in content for content in contents):
            raise SignatureError("malformed-body", "the body holds a NUL, which no JSON does")
        return contents

    def _digest(self, key: Any, content: bytes) -> str:
        return hashlib.sha256(key + content).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnyEncoding(HmacScheme):
    """Smartsheet: the digest in `encoding` or `other_encodings`, for public sources disagree.

    Each way shows the same bytes, so taking several is as safe as taking one. Hex may lack the
    zeros that it begins with: Smartsheet's own Java sample writes the digest as a number.
    """

    other_encodings: tuple[str, ...]

    def formula(self) -> Formula:
        """See Scheme."""
        note = f"written in {' or '.join(self.other_encodings)} it is accepted too"
        return replace(HmacScheme.formula(self), note=note)

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        width = 2 * hashlib.new(self.algorithm).digest_size
        padded = [candidate.zfill(width) for candidate in candidates]
        judge = HmacScheme._signed_by  # noqa: SLF001 - one family of classes
        return (
            sum(
                judge(replace(self, encoding=name), key, content, given)
                for name in (self.encoding, *self.other_encodings)
                for given in [padded if name == "hex" else candidates]
            )
            > 0
        )


_HEADER = b'{"alg":"HS256","typ":"JWT"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBody(HmacScheme):
    """Dialpad: the body is a JWT (HS256), whose last part signs the first two.

    https://developers.dialpad.com/docs/event-subscriptions (2026-11). HS256 is an HMAC-SHA256, so
    the algorithm that a token names is never looked at (RFC 8725 2.1).
    """

    credential_place: ClassVar[str] = "body: its third part"
    signed_parts: ClassVar[tuple[str, ...]] = ("body",)
    ends_of_body: ClassVar[tuple[str, str]] = "", ""

    def formula(self) -> Formula:
        """See Scheme."""
        return Formula(
            method="jwt",
            algorithm="HS256",
            after=(Written("body", "", "{signature}"),),
            claims=(("*", "{body}"),),
            note="the body is the token, whose claims are the members of the event",
        )

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme: the whole token around a JSON body."""
        del values
        [(_, key)] = self._keys([secret])
        content = b".".join(map(_encoded, (_HEADER, request.body)))
        return [f"{content.decode()}.{self._digest(key, content).rstrip('=')}"]

    def _signature_items(self, request: Request) -> list[str]:
        return [_parts(request)[2].decode("latin-1")]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        return (b".".join(_parts(request)[:2]),)


def _encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _parts(request: Request) -> Sequence[bytes]:
    parts = request.body.split(b".")
    if len(parts) != len(("header", "claims", "signature")) or not all(parts):
        raise SignatureError("missing-signature", "the body is no signed token of three parts")
    return parts
