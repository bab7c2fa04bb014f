"""What is stored of a verified request: no header with a credential, no value that is redacted.

Owns the step between verification and storage. Refuses a body from which `redact:` cannot take its
values for certain, and has the sender send it again: nothing is stored that must not be, and
nothing is acknowledged that is not stored.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from mappings.engine.redact.paths import NotRedactable
from mappings.engine.redact.redactor import Redacted, Redactor
from receiver.signatures import Request, Verified
from receiver.sources.registry import ReadySource
from receiver.web.errors import not_ready

NOT_REDACTABLE = "not-redactable"
#: Never stored: headers in which proxies repeat the URL, and a URL may hold a secret (path-token).
_OF_THE_URL = frozenset(
    {
        "referer",
        "x-envoy-original-path",
        "x-forwarded-uri",
        "x-ms-original-url",
        "x-original-uri",
        "x-original-url",
        "x-replaced-path",
        "x-rewrite-url",
        "x-waws-unencoded-url",
    }
)
#: Never stored: headers whose name shows that they carry a credential, whatever the scheme.
_CREDENTIAL = re.compile(
    r"(?:.*[-_])?(?:assertion|auth|authori[sz]ation|authentication|bearer|credentials?|oidc"
    r"|pass(?:code|phrase)|pwd|session|sid"
    r"|[a-z0-9]*(?:cookie2?|jwt|passw(?:or)?d|secret|sessionid|token)"
    r"|(?:access|api|auth|client|functions|private|shared|subscription)[-_]?key)(?:[-_].*)?"
)
#: Redacting more than this takes long enough that other requests should not wait for it.
_LARGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRequest:
    """What is stored of a request; `redacted` values were taken out of body and headers."""

    body: bytes
    headers: dict[str, str]
    redacted: int = 0


async def sanitize(source: ReadySource, request: Request, verified: Verified) -> StoredRequest:
    """What to store. Raises HTTPError (503) where `redact:` cannot be applied to this body."""
    headers = _without_credentials(request.headers, source)
    if source.redactor is None:
        return StoredRequest(body=request.body, headers=headers)
    try:
        redacted = await _redact(source.redactor, request.body, headers)
    except NotRedactable as error:
        detail = f"its values must be redacted, and {error}"
        raise not_ready(NOT_REDACTABLE, detail) from None
    if verified.delivery_id in redacted.taken:
        detail = "`redact` names the vendor's delivery id, which has to be stored"
        raise not_ready(NOT_REDACTABLE, detail)
    return StoredRequest(body=redacted.body, headers=redacted.headers, redacted=redacted.count)


async def _redact(redactor: Redactor, body: bytes, headers: dict[str, str]) -> Redacted:
    if len(body) <= _LARGE_BYTES:
        return redactor.apply(body, headers)
    return await asyncio.to_thread(redactor.apply, body, headers)


def _without_credentials(headers: Mapping[str, str], source: ReadySource) -> dict[str, str]:
    """The headers without those that carry a credential by their name, or else by their value.

    Proxies have many names for a header that repeats the URL, but a secret in it is known.
    """
    return {
        name: value
        for name, value in headers.items()
        if not is_credential(name) and name not in source.scheme.secret_headers
        if not any(
            secret in text
            for secret in source.findable_secrets
            for text in (value, unquote(value), unquote_plus(value))
        )
    }


def is_credential(header: str) -> bool:
    """Whether a header of that name (lower-case) is never stored."""
    return header in _OF_THE_URL or _CREDENTIAL.fullmatch(header) is not None
