"""What of a verified request is kept: no header with a credential, no value that is redacted.

Owns the step between verification and store. Refuses, for the sender to try again, a body from
which `redact:` cannot take its values for certain: nothing is stored that should not be, and
nothing is acknowledged that is not stored.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, unquote_plus

from mappings.engine.redact.paths import NotRedactable
from mappings.engine.redact.redactor import Redacted, Redactor
from receiver.signatures import Request, Scheme, Verified
from receiver.sources.registry import KnownSource
from receiver.web.preconditions import not_ready
from receiver.web.request import HTTPError

NOT_REDACTABLE = "not-redactable"
#: Never kept: headers in which proxies repeat the URL, and a URL may hold a secret (path-token).
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
#: Never kept: headers whose name says that they carry a credential, whatever the scheme.
_CREDENTIAL = re.compile(
    r"(?:.*[-_])?(?:assertion|auth|authori[sz]ation|authentication|bearer|credentials?|oidc"
    r"|pass(?:code|phrase)|pwd|session|sid"
    r"|[a-z0-9]*(?:cookie2?|jwt|passw(?:or)?d|secret|sessionid|token)"
    r"|(?:access|api|auth|client|functions|private|shared|subscription)[-_]?key)(?:[-_].*)?"
)
#: A secret that is shorter may stand in a header by chance.
_LEAST_SECRET_CHARS = 8

#: Redacting more than this takes long enough that other requests should not wait for it.
_LARGE_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What is stored of a request; `redacted` values were taken out of body and headers."""

    body: bytes
    headers: dict[str, str]
    redacted: int = 0


async def kept_of(
    source: KnownSource, scheme: Scheme, request: Request, verified: Verified
) -> Kept:
    """What to store. Raises HTTPError (503) where the source redacts and this body cannot be."""
    headers = _without_credentials(request.headers, scheme, source.secrets)
    if source.redactor is None:
        return Kept(body=request.body, headers=headers)
    try:
        found = await _redacted(source.redactor, request.body, headers)
    except NotRedactable as error:
        raise _refusal(f"values are to be taken out of it, and {error}") from None
    if verified.delivery_id in found.taken:
        raise _refusal("`redact` names the vendor's delivery id, which has to be stored")
    return Kept(body=found.body, headers=found.headers, redacted=found.count)


async def _redacted(redactor: Redactor, body: bytes, headers: dict[str, str]) -> Redacted:
    if len(body) <= _LARGE_BYTES:
        return redactor.apply(body, headers)
    return await asyncio.to_thread(redactor.apply, body, headers)


def _refusal(why: str) -> HTTPError:
    return not_ready(NOT_REDACTABLE, why)


def _without_credentials(
    headers: Mapping[str, str], scheme: Scheme, secrets: Sequence[str]
) -> dict[str, str]:
    """Without those of which the name, or else the value, says so.

    Proxies have many names for a header that repeats the URL, but a secret in it is known.
    """
    known = [secret for secret in secrets if len(secret) >= _LEAST_SECRET_CHARS]
    return {
        name: value
        for name, value in headers.items()
        if not is_credential(name) and name not in scheme.secret_headers
        if not any(
            secret in text
            for secret in known
            for text in (value, unquote(value), unquote_plus(value))
        )
    }


def is_credential(header: str) -> bool:
    """Whether a header of that name (lower-case) is never kept."""
    return header in _OF_THE_URL or _CREDENTIAL.fullmatch(header) is not None
