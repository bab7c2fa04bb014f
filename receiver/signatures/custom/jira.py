"""Jira Connect and OAuth 2.0 apps: a signed token, bound to method, path and query at most."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar
from urllib.parse import quote, urlsplit

from receiver.signatures.custom.jwts import JwtScheme
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import query_fields
from receiver.signatures.formulas import Formula
from receiver.signatures.records import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class JiraConnectScheme(JwtScheme):
    """Jira Connect and OAuth 2.0 dynamic webhooks: HS256; `qsh` covers method, path and query.

    https://developer.atlassian.com/cloud/jira/platform/understanding-jwt-for-connect-apps/
    (2026-08). The path of `qsh` begins behind the app's base URL, which only the vendor knows.
    """

    own_claims: tuple[tuple[str, str], ...] = ()
    signed_parts: ClassVar[tuple[str, ...]] = ("method", "path", "query", "time")

    def formula(self) -> Formula:
        """See Scheme."""
        qsh = "Connect apps add the claim qsh: the SHA-256 of `METHOD&path&sorted query`, in hex"
        return replace(JwtScheme.formula(self), note=qsh)

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """See JwtScheme."""
        named = claims.get("qsh")
        if named is None:
            return  # dynamic webhooks of OAuth 2.0 apps name none
        path = _path(request)
        starts = [place for place, char in enumerate(path) if char == "/"] or [0]
        if not isinstance(named, str) or named not in {
            _query_hash(request, path[start:]) for start in starts[:16]
        }:
            raise SignatureError("wrong-claims", "the token is for another URL (qsh)")

    def claims_for(self, request: Request) -> dict[str, str]:
        """See JwtScheme."""
        return {"qsh": _query_hash(request, _path(request))}


def _path(request: Request) -> str:
    try:
        return urlsplit(request.url).path
    except ValueError:
        raise SignatureError("malformed-url") from None


def _query_hash(request: Request, path: str) -> str:
    pairs: dict[str, list[str]] = {}
    for name, value in query_fields(request.url):
        if name != "jwt":
            pairs.setdefault(quote(name, safe="~"), []).append(quote(value, safe="~"))
    query = "&".join(f"{name}={','.join(sorted(pairs[name]))}" for name in sorted(pairs))
    canonical = f"{request.method.upper()}&{path.rstrip('/') or '/'}&{query}"
    return hashlib.sha256(canonical.encode("utf-8", "backslashreplace")).hexdigest()
