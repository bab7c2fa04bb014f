"""Microsoft Graph: a token in every element of the batch, or a signature over encrypted data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from receiver.signatures import codecs
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import document, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Coverage, Request
from receiver.signatures.tokens import SharedSecret

_DATA = "encryptedContent.data"
_SIGNATURE = "encryptedContent.dataSignature"
_KEY_BYTES = (16, 24, 32)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientState(SharedSecret):
    """The clientState of the subscription, repeated in every element of `value`.

    https://learn.microsoft.com/graph/change-notifications-delivery-webhooks (2026-08).
    """

    credential_place: ClassVar[str] = "body: value[].clientState"
    shows_secret: ClassVar[Written] = Written("body", "value[].clientState", "{secret}")

    def shown(self, request: Request) -> list[bytes]:
        """See SharedSecret."""
        tokens = [text_at(element, "clientState") for element in elements(request)]
        if not all(tokens):
            raise SignatureError("missing-token", "an element lacks clientState")
        return [(token or "").encode("utf-8", "backslashreplace") for token in tokens]


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedElements(HmacScheme):
    """A list in the body, each element of which holds its own signature; all under one key."""

    coverage: Coverage = Coverage.PARTS

    def _match(
        self,
        keys: Sequence[tuple[int, Any]],
        candidates: Sequence[str],
        contents: Sequence[bytes],
    ) -> tuple[int, bytes]:
        """One key must have signed every element."""
        for index, key in keys:
            pairs = zip(contents, candidates, strict=True)
            if sum(not self._signed_by(key, content, [one]) for content, one in pairs) == 0:
                return index, b"".join(hashlib.sha256(content).digest() for content in contents)
        raise SignatureError("wrong-signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedData(SignedElements):
    """Rich notifications: dataSignature of every element under the symmetric key, in base64.

    https://learn.microsoft.com/graph/change-notifications-with-resource-data (2026-08). The key
    itself must have been taken out of dataKey, and validationTokens checked, by a proxy
    in front: both need Microsoft's keys, which this code does not fetch.
    """

    credential_place: ClassVar[str] = f"body: value[].{_SIGNATURE}"
    signed_parts: ClassVar[tuple[str, ...]] = (f"value[].{_DATA}",)

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(
            HmacScheme.formula(self),
            content="{data}",
            after=(Written("body", f"value[].{_SIGNATURE}", "{signature}"),),
        )

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        keys = codecs.usable_keys(secrets, "base64")
        sound = [(index, key) for index, key in keys if len(key) in _KEY_BYTES]
        if not sound:
            raise SignatureError("malformed-secret", "the key has no length of AES")
        return sound

    def _signature_items(self, request: Request) -> list[str]:
        items = [text_at(element, _SIGNATURE) for element in elements(request)]
        if not all(items):
            raise SignatureError("missing-signature", f"an element lacks {_SIGNATURE}")
        return [item or "" for item in items]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        return tuple(_data(element) for element in elements(request))


def elements(request: Request) -> list[dict[str, Any]]:
    """The notifications of a body; raise SignatureError unless there is one at least."""
    value = document(request).get("value")
    if not isinstance(value, list) or not value:
        raise SignatureError("malformed-body", "the body has no list `value`")
    return [element if isinstance(element, dict) else {} for element in value]


def _data(element: dict[str, Any]) -> bytes:
    try:
        return codecs.from_base64(text_at(element, _DATA) or "")
    except ValueError:
        raise SignatureError("malformed-body", f"{_DATA} is no base64") from None
