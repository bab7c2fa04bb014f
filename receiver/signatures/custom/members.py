"""Signatures in a header over a few members of the body, the rest of it open: Synthflow, JustCall.

Anyone who has seen one verified request can put another body around the signed members. A mapping
should fetch what it bills for, or bill by what is signed alone.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import document, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Coverage, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMember(HmacScheme):
    """Synthflow: the text of the member at `member_path`.

    https://docs.synthflow.ai/webhooks-security (2026-11). The page writes the header's name as
    Python's WSGI does, HTTP_…; `other_header` is the same one as HTTP has it.
    """

    member_path: str
    other_header: str
    coverage: Coverage = Coverage.PARTS
    one_body: ClassVar[bool] = True  # two events of one call are signed alike

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return (self.member_path,)

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(HmacScheme.formula(self), content=f"{{member:{self.member_path}}}")

    def _signature_items(self, request: Request) -> list[str]:
        names = (self.header.lower(), self.other_header.lower())
        found = next((request.headers[name] for name in names if request.headers.get(name)), "")
        if not found.strip(" \t"):
            raise SignatureError("missing-signature", f"{self.header} is missing or empty")
        return [found.strip(" \t")]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        return (member_text(request, self.member_path),)


@dataclass(frozen=True, slots=True, kw_only=True)
class JustCallScheme(HmacScheme):
    """JustCall: secret, URL, type and time with `|` between; the URL is that in the body.

    https://developer.justcall.io/docs/dynamic-webhook-signatures (2026-11). The time is written
    without a zone, so no window is judged by it.
    """

    time_header: str
    coverage: Coverage = Coverage.PARTS
    one_body: ClassVar[bool] = True  # two events of one type in one second are signed alike

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return ("webhook_url", "type", self.time_header)

    def formula(self) -> Formula:
        """See Scheme."""
        time = f"{{header:{self.time_header}}}"
        return replace(
            HmacScheme.formula(self),
            content=f"{{secret}}|{{member_quoted:webhook_url}}|{{member:type}}|{time}",
            before=(Written("header", self.time_header, "{timestamp}"),),
            time_unit="date and time",
        )

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        sent_at = request.headers.get(self.time_header.lower(), "").strip(" \t")
        if not sent_at:
            raise SignatureError("missing-timestamp")
        url = quote(member_text(request, "webhook_url"), safe="!'()*~-_.").encode()
        kind = member_text(request, "type")
        return (b"|".join((url, kind, sent_at.encode("latin-1", "backslashreplace"))),)

    def _digest(self, key: Any, content: bytes) -> str:
        return hmac.digest(key, key + b"|" + content, self.algorithm).hex()


def member_text(request: Request, path: str) -> bytes:
    """The text of a member of the body; raise SignatureError where there is none."""
    found = text_at(document(request), path)
    if not found:
        raise SignatureError("missing-signature", f"the body lacks {path}, which is signed")
    return found.encode("utf-8", "backslashreplace")
