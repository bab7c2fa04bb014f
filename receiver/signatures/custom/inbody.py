"""Signatures in the body that leave the rest of it open: Lever, Dropbox Sign, Zoho, Mailgun.

Anyone who has seen one verified request can put another body around its signature. So each has a
remark, and a mapping should fetch what it bills for, or look only at what is signed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

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
        return self._text(document(request), self.time_path)

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        members = document(request)
        texts = [self._text(members, path) for path in self.signed_paths]
        try:
            return ("".join(texts).encode(),)
        except UnicodeEncodeError:
            raise SignatureError("malformed-body", "a signed member is no Unicode text") from None

    def _delivery_id(self, request: Request) -> str | None:
        return self._text(document(request), self.token_path) if self.token_path else None

    def _text(self, members: object, path: str) -> str:
        found = text_at(members, path)
        if not found:
            raise SignatureError("missing-signature", f"the body lacks {path}, which is signed")
        return found


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
