"""Signatures over members of the body that leave the rest of it open.

Lever, Dropbox Sign, Zoho, Mailgun, Synthflow, JustCall. Anyone who has seen one verified request
can put another body around its signature. So each has a remark, and a mapping should fetch what it
bills for, or look only at what is signed.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import document, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Coverage, Request
from receiver.signatures.tokens import LONGEST_TOKEN, SharedSecret


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedMembers(HmacScheme):
    """A signature at `signature_path` over the members at `signed_paths`, in that order.

    `time_path` is one of them and holds the time; `token_path`, where given, one that is used
    once and so is the delivery id.
    """

    signature_path: str
    signed_paths: tuple[str, ...]
    time_path: str
    token_path: str | None = None
    coverage: Coverage = Coverage.PARTS
    one_body: ClassVar[bool] = True  # two events of one kind in one second are signed alike
    is_timed: ClassVar[bool] = True

    @property
    def credential_place(self) -> str:
        return f"body: {self.signature_path}"

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return self.signed_paths

    @property
    def id_place(self) -> str | None:
        return f"body: {self.token_path}" if self.token_path else None

    @property
    def signs_delivery_id(self) -> bool:
        return self.token_path is not None

    def formula(self) -> Formula:
        """See Scheme."""
        stamp = Written("body", self.time_path, "{timestamp}")
        token = (Written("body", self.token_path, "{token}"),) if self.token_path else ()
        return replace(
            HmacScheme.formula(self),
            content="".join(f"{{member:{path}}}" for path in self.signed_paths),
            before=(stamp, *token),
            after=(Written("body", self.signature_path, "{signature}"),),
            time_unit=self.timestamp_unit,
        )

    def _signature_items(self, request: Request) -> list[str]:
        found = text_at(document(request), self.signature_path)
        if not found:
            raise SignatureError("missing-signature", f"the body lacks {self.signature_path}")
        return [found]

    def _timestamp_text(self, request: Request, items: Sequence[str]) -> str | None:
        del items
        return _signed_text(request, self.time_path)

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        texts = [_signed_text(request, path) for path in self.signed_paths]
        try:
            return ("".join(texts).encode(),)
        except UnicodeEncodeError:
            raise SignatureError("malformed-body", "a signed member is no Unicode text") from None

    def _delivery_id(self, request: Request) -> str | None:
        return _signed_text(request, self.token_path) if self.token_path else None


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyToken(SharedSecret):
    """Zoho CRM, Copper, Aircall, LiveChat: the subscription's token is each body's `member`."""

    member: str

    @property
    def credential_place(self) -> str:
        return f"body: {self.member}"

    @property
    def shows_secret(self) -> Written:
        return Written("body", self.member, "{secret}")

    def shown(self, request: Request) -> list[bytes]:
        """See SharedSecret."""
        token = text_at(document(request), self.member)
        if not token or len(token) > LONGEST_TOKEN:
            raise SignatureError("missing-token", f"the body lacks {self.member}")
        return [token.encode("utf-8", "backslashreplace")]


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
        return (_signed_bytes(request, self.member_path),)


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
        url = quote(_signed_bytes(request, "webhook_url"), safe="!'()*~-_.").encode()
        kind = _signed_bytes(request, "type")
        return (b"|".join((url, kind, sent_at.encode("latin-1", "backslashreplace"))),)

    def _digest(self, key: Any, content: bytes) -> str:
        return hmac.digest(key, key + b"|" + content, self.algorithm).hex()


def _signed_text(request: Request, path: str) -> str:
    """The text of a member of the body; raise SignatureError where there is none."""
    found = text_at(document(request), path)
    if not found:
        raise SignatureError("missing-signature", f"the body lacks {path}, which is signed")
    return found


def _signed_bytes(request: Request, path: str) -> bytes:
    return _signed_text(request, path).encode("utf-8", "backslashreplace")
