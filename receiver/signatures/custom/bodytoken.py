"""Dialpad: the body is itself a signed token (JWT, HS256), whose claims are the event.

https://developers.dialpad.com/docs/event-subscriptions (2026-11). HS256 is an HMAC-SHA256 over the
token's first two parts, so the algorithm that a token names is never looked at (RFC 8725 2.1).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request
from receiver.signatures.signing import Values

_HEADER = b'{"alg":"HS256","typ":"JWT"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBody(HmacScheme):
    """A body of three parts in base64url with points between; the last signs the first two."""

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
