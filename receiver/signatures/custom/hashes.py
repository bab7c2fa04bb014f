"""HubSpot v1 and v2: a plain hash with the secret in front instead of an HMAC."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request, Strength


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainHashScheme(HmacScheme):
    """sha256(secret + signed content) in hex; the version header, where sent, must agree.

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
