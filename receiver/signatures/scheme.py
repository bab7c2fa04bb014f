"""What every scheme is: a way to prove a request, and the answers a vendor expects.

Owns the records that pass through verification. Refuses sockets, clocks and databases: time is
an argument, bytes come in as they were sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """One request as it came: header names in lower case, the body never decoded."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """Proof that one of the secrets signed the request.

    `secret_index` is the place of that secret in the list given. `timestamp` is the time of
    signing in seconds since 1970 where the signature covers one. `delivery_id` is the vendor's,
    None where it sends none; `delivery_id_signed` says that the signature covers it.
    `signed_sha256` is the hex SHA-256 of exactly the bytes that were signed.
    """

    secret_index: int
    timestamp: float | None
    delivery_id: str | None
    delivery_id_signed: bool
    signed_sha256: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vendor wants to hear. `content_type` None sends no such header."""

    status: int = 200
    body: bytes = b""
    content_type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme(ABC):
    """How one kind of source signs, and what it must be answered.

    `success` None means the receiver's own JSON answer. `greeting` answers GET and HEAD, by
    which vendors and people test a URL. `secret_headers` (lower case) carry a secret itself and
    are never kept. `tolerance_seconds` is how far the time of signing may lie from now, before
    and after alike.
    """

    name: str
    success: Answer | None = None
    greeting: Answer = Answer(200, b'{"status":"ok"}', "application/json")
    secret_headers: frozenset[str] = frozenset()
    tolerance_seconds: int = 300

    @property
    @abstractmethod
    def signs_delivery_id(self) -> bool:
        """Whether every proven request carries a delivery id that the signature covers."""

    @property
    @abstractmethod
    def is_timed(self) -> bool:
        """Whether the signature covers the time of signing, so that replays grow stale."""

    @abstractmethod
    def prove(self, request: Request, *, secrets: Sequence[str], now: float) -> Verified:
        """Return the proof, or raise SignatureError and nothing else."""

    @abstractmethod
    def sign(
        self, request: Request, *, secret: str, now: float, delivery_id: str | None
    ) -> dict[str, str]:
        """Return the headers that the vendor would add to this request."""


def lower_names(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name; names that differ in case only are one header (RFC 9110 5.3)."""
    lowered: dict[str, str] = {}
    for name, value in headers.items():
        key = name.lower()
        lowered[key] = f"{lowered[key]}, {value}" if key in lowered else value
    return lowered
