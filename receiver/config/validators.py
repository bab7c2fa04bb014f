"""What the value of a setting must be: URLs, a secret, a time zone, addresses of proxies.

Owns those rules and the sentence about each. A validator returns the value as it is used, or raises
ValueError.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from ipaddress import ip_network
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from redis.asyncio.connection import parse_url
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

DATABASES = ("sqlite+aiosqlite://", "postgresql+asyncpg://")
#: How hosts of databases write the second one.
POSTGRES = ("postgres://", "postgresql://")
#: Parameters of libpq by their names in asyncpg; None: asyncpg has no use for it.
_LIBPQ: Mapping[str, str | None] = {
    "sslmode": "ssl",
    "connect_timeout": "timeout",
    "channel_binding": None,
    "gssencmode": None,
    "pgbouncer": None,
}
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
REDIS_SCHEMES = ("redis://", "rediss://", "unix://")


def _one_of_starts(starts: tuple[str, ...], value: str) -> str:
    if not value.startswith(starts):
        raise ValueError(f"must start with one of {', '.join(starts)}")
    return value


def database_url(value: str) -> str:
    """The URL for asyncpg, also where it is written as hosts of databases give it."""
    for start in POSTGRES:
        if value.startswith(start):
            value = DATABASES[1] + value.removeprefix(start)
    _one_of_starts((*DATABASES, *POSTGRES), value)
    try:
        url = make_url(value)
    except (ArgumentError, ValueError):
        raise ValueError("must be a URL; percent-encode special characters in a password") from None
    if not url.query.keys() & _LIBPQ.keys():
        return value
    return url.set(query=_asyncpg_query(url.query)).render_as_string(hide_password=False)


def _asyncpg_query(query: Mapping[str, str | tuple[str, ...]]) -> dict[str, str | tuple[str, ...]]:
    if "sslmode" in query and "ssl" in query:
        raise ValueError("`sslmode` and `ssl` mean the same; leave one of them out")
    if "sslmode" in query and query["sslmode"] not in _SSL_MODES:
        raise ValueError(f"`sslmode` must be one of {', '.join(_SSL_MODES)}")
    named = {_LIBPQ.get(name, name): text for name, text in query.items()}
    return {name: text for name, text in named.items() if name is not None}


def redis_url(value: str) -> str:
    """A URL that redis-py can read."""
    _one_of_starts(REDIS_SCHEMES, value)
    try:
        parse_url(value)
    except ValueError:
        raise ValueError("must be a URL; percent-encode special characters in a password") from None
    return value


def public_url(value: str) -> str:
    """What vendors call, without a slash at the end."""
    parts = urlsplit(http_url(value))
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must hold scheme, host, port and path only")
    return value.rstrip("/")


def http_url(value: str) -> str:
    """An http or https URL with a host."""
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an http or https URL with a host")
    return value


def alert_secret(value: str) -> str:
    """A secret of Standard Webhooks."""
    try:
        key = base64.b64decode(value.removeprefix("whsec_"), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise ValueError("must be a Standard Webhooks secret: whsec_ and base64")
    return value


def timezone(value: str) -> str:
    """The name of a zone of IANA's database."""
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return value


def proxies(value: str) -> str:
    """Addresses or networks, separated by commas, or `*`."""
    for entry in filter(None, (part.strip() for part in value.split(","))):
        if entry != "*":
            ip_network(entry, strict=False)
    return value
