"""Tokens that carry a hash of the body: Vonage, MessageBird, LiveKit."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from receiver.signatures.custom.jwts import JwtScheme
from receiver.signatures.errors import SignatureError
from receiver.signatures.records import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyHashScheme(JwtScheme):
    """A token whose claim `body_claim` is the body's SHA-256, in hex or, `in_base64`, in base64.

    `url_claim`, where given, is the SHA-256 of the URL in hex. `issuer`, where given, is what
    `iss` must be.
    """

    body_claim: str
    in_base64: bool = False
    url_claim: str | None = None
    issuer: str | None = None

    @property
    def signed_parts(self) -> tuple[str, ...]:
        parts = ("URL", "body") if self.url_claim else ("body",)
        return (*parts, "time") if self.needs_expiry else parts

    @property
    def own_claims(self) -> tuple[tuple[str, str], ...]:
        """See JwtScheme."""
        body = "{body_sha256_base64}" if self.in_base64 else "{body_sha256}"
        url = ((self.url_claim, "{url_sha256}"),) if self.url_claim else ()
        issuer = (("iss", self.issuer),) if self.issuer else ()
        return ((self.body_claim, body), *url, *issuer)

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """See JwtScheme."""
        for name, value in self.claims_for(request).items():
            given = str(claims.get(name)).encode("utf-8", "backslashreplace")
            if not hmac.compare_digest(str(value).encode(), given):
                what = {self.body_claim: "body", self.url_claim: "URL"}.get(name, "issuer")
                raise SignatureError("wrong-claims", f"the token is for another {what} ({name})")

    def claims_for(self, request: Request) -> dict[str, Any]:
        """See JwtScheme."""
        digest = hashlib.sha256(request.body).digest()
        text = base64.b64encode(digest).decode() if self.in_base64 else digest.hex()
        claims = {self.body_claim: text}
        if self.url_claim:
            url = request.url.encode("utf-8", "backslashreplace")
            claims[self.url_claim] = hashlib.sha256(url).hexdigest()
        return claims | ({"iss": self.issuer} if self.issuer else {})
