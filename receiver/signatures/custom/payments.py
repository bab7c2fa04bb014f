"""Adyen and Braintree: signed members of each notification, and a signed field of a form."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from receiver.signatures import codecs
from receiver.signatures.custom.graph import SignedElements
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import Field, document, form_fields, one_of, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request, Response
from receiver.signatures.signing import Values

_ITEMS = "notificationItems"
_ITEM = "NotificationRequestItem"
_SIGNATURE = "additionalData.hmacSignature"
_SIGNED = (
    "pspReference",
    "originalReference",
    "merchantAccountCode",
    "merchantReference",
    "amount.value",
    "amount.currency",
    "eventCode",
    "success",
)
#: The one signed member that may hold what stands between them.
_FREE = "merchantReference"

_PAYLOAD, _PAIRS = "bt_payload", "bt_signature"
_BASE64_LINES = re.compile(r"[A-Za-z0-9+=/\n]+")
_ASKED = Field("query", "bt_challenge")
_CHALLENGE = re.compile(r"[a-f0-9]{20,32}")


@dataclass(frozen=True, slots=True, kw_only=True)
class AdyenScheme(SignedElements):
    """Adyen: eight members of each notification, joined by colons, under a key in hex.

    https://docs.adyen.com/development-resources/webhooks/secure-webhooks/verify-hmac-signatures
    and util.py of Adyen's Python library (2026-11). A missing member counts as empty text. Only
    the merchant's own reference may hold a colon: with one elsewhere, members could be regrouped.
    """

    credential_place: ClassVar[str] = f"body: {_ITEMS}[].{_SIGNATURE}"
    signed_parts: ClassVar[tuple[str, ...]] = _SIGNED

    def formula(self) -> Formula:
        """See Scheme."""
        signed = ":".join(f"{{element:{_ITEM}.{path}}}" for path in _SIGNED)
        written = Written("body", f"{_ITEMS}[].{_ITEM}.{_SIGNATURE}", "{signature}")
        return replace(HmacScheme.formula(self), content=signed, after=(written,))

    def _signature_items(self, request: Request) -> list[str]:
        items = [text_at(item, _SIGNATURE) for item in _notifications(request)]
        if not all(items):
            raise SignatureError("missing-signature", f"a notification lacks {_SIGNATURE}")
        return [item or "" for item in items]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        return tuple(_signed_text(item) for item in _notifications(request))


def _notifications(request: Request) -> list[dict[str, Any]]:
    """The notifications of a body; raise SignatureError unless there is one at least."""
    listed = document(request).get(_ITEMS)
    if not isinstance(listed, list) or not listed:
        raise SignatureError("malformed-body", f"the body has no list `{_ITEMS}`")
    items = [wrapped.get(_ITEM) if isinstance(wrapped, dict) else None for wrapped in listed]
    return [item if isinstance(item, dict) else {} for item in items]


def _signed_text(item: dict[str, Any]) -> bytes:
    texts = {path: text_at(item, path) or "" for path in _SIGNED}
    if any(":" in text for path, text in texts.items() if path != _FREE):
        raise SignatureError("malformed-body", f"a signed member other than {_FREE} holds a colon")
    try:
        return ":".join(texts.values()).encode()
    except UnicodeEncodeError:
        raise SignatureError("malformed-body", "a signed member is not Unicode text") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class BraintreeScheme(HmacScheme):
    """Braintree: a form of `bt_payload` and of `bt_signature`, which is PUBLIC_KEY|SIGNATURE.

    webhook_notification_gateway.py of Braintree's Python library (2026-11). The key is the SHA-1 of
    the private key; the secret is PUBLIC_KEY:PRIVATE_KEY, since the set-up answer names the former.
    """

    credential_place: ClassVar[str] = f"form: {_PAIRS}"
    signed_parts: ClassVar[tuple[str, ...]] = (_PAYLOAD,)

    def formula(self) -> Formula:
        """See Scheme."""
        written = Written("form", _PAIRS, "{user}|{signature}")
        content = f"{{field:{_PAYLOAD}}}"
        return replace(HmacScheme.formula(self), key="sha1", content=content, after=(written,))

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        pairs = [(at, key.decode()) for at, key in codecs.usable_keys(secrets, "utf8")]
        keys = [(at, tuple(pair.split(":", 1))) for at, pair in pairs if ":" in pair]
        sound = [(at, pair) for at, pair in keys if all(pair)]
        if not sound:
            raise SignatureError("malformed-secret", "write the secret as PUBLIC_KEY:PRIVATE_KEY")
        return sound

    def _signature_items(self, request: Request) -> list[str]:
        fields = form_fields(request.body)
        if not {name for name, _ in fields} <= {_PAYLOAD, _PAIRS}:
            raise SignatureError("malformed-body", "the form has fields that are not signed")
        pairs = one_of(fields, _PAIRS)
        if not pairs:
            raise SignatureError("missing-signature", f"the form lacks {_PAIRS}")
        return pairs.split("&")

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        payload = one_of(form_fields(request.body), _PAYLOAD) or ""
        if not _BASE64_LINES.fullmatch(payload):
            raise SignatureError("malformed-body", f"{_PAYLOAD} is not base64")
        return (payload.encode(), payload.encode() + b"\n")

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme; the formula writes the public key in front."""
        signed = HmacScheme.signatures(self, request, secret=secret, values=values)
        return [one.partition("|")[2] for one in signed]

    def _digest(self, key: Any, content: bytes) -> str:
        public, private = key
        return f"{public}|{_sha1_hmac(private, content)}"


@dataclass(frozen=True, slots=True)
class BraintreeChallenge:
    """Answers the challenge with PUBLIC_KEY|HMAC: hexadecimal alone, so never as a payload."""

    def reply(self, request: Request, secret: str) -> Response:
        """The answer; raise SignatureError where there is no challenge, or no pair of keys."""
        challenge = _ASKED.read(request) or ""
        public, _, private = secret.partition(":")
        if not _CHALLENGE.fullmatch(challenge) or not private:
            raise SignatureError("malformed-handshake")
        text = f"{public}|{_sha1_hmac(private, challenge.encode())}"
        return Response(200, text.encode(), "text/plain")


def _sha1_hmac(private: str, content: bytes) -> str:
    key = hashlib.sha1(private.encode("utf-8", "replace"), usedforsecurity=False).digest()
    return hmac.digest(key, content, "sha1").hex()
