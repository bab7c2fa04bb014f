"""The records that pass through verification, and how header names are read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Strength(StrEnum):
    """What a verification is worth, the strongest first; the words stand in `receiver schemes`."""

    STRONG = "strong"
    LEGACY = "legacy hash"
    SHARED = "shared secret"
    BODY_OPEN = "body open"


class Coverage(StrEnum):
    """What of a body the signature fixes, the most first."""

    BODY = "the body"
    FIELDS = "form fields without their borders"
    PARTS = "parts of the body"
    NOTHING = "nothing of the body"


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: header names in lower case, the body never decoded.

    `read` is what was read of its body, so that nothing is read twice.
    """

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    read: dict[str, Any] = field(default_factory=dict, init=False, repr=False, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Evidence that one of the secrets signed the request.

    `secret_index` is the place of that secret in the list given. `timestamp` is the time of
    signing in seconds since 1970 where the signature covers one. `delivery_id` is the vendor's,
    None where it sends none; `delivery_id_signed` means that the signature covers it.
    `signed_sha256` is the hex SHA-256 of exactly the bytes that were signed, `coverage` what of
    the body they fix. `one_body` means that the same id, or the same signed bytes, with another
    body is no repeat: either of the two may be the vendor's.
    """

    secret_index: int
    timestamp: float | None
    delivery_id: str | None
    delivery_id_signed: bool
    signed_sha256: str
    coverage: Coverage = Coverage.BODY
    one_body: bool = False


@dataclass(frozen=True, slots=True)
class Response:
    """What a vendor wants to hear. `content_type` None sends no such header.

    `own_body` means that only the status is the vendor's: the body is the receiver's own JSON.
    """

    status: int = 200
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    own_body: bool = False


#: For vendors that ask for exactly 200 and ignore the body.
STATUS_200 = Response(200, own_body=True)


#: Answers GET and HEAD, by which vendors and people test a URL.
GREETING = Response(200, b'{"status":"ok"}', "application/json")


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name; names that differ in case only are one header (RFC 9110 5.3)."""
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        lowered[key] = f"{lowered[key]}, {value}" if key in lowered else value
    return lowered
