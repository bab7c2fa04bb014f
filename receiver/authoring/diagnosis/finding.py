"""What a diagnosis is made of: the secrets that are tried, what is wrong, and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NamedSecret:
    """A secret with its name and, where it is another source's, that source."""

    name: str
    value: str = field(repr=False)
    of: str | None = None
    has_ended: bool = False

    @property
    def described(self) -> str:
        whose = f" of source {self.of}" if self.of else ""
        return f"{self.name}{whose}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong (`step`: verify, secret, url, body, clock, scheme, request) and what fixes it.

    Under `verify`, `remediation` is the line of that block to write, or the whole block.
    """

    step: str
    summary: str
    remediation: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`cause` and `detail` are verification's own, None where the request is verified.

    `secret` is the name of the one that signed it, where that was found out. `signed_at` is the
    time of signing where the scheme has one. `findings` are empty where nothing tried verifies it.
    """

    verified: bool
    cause: str | None
    detail: str | None
    secret: str | None
    signed_at: datetime | None
    delivery_id: str | None
    findings: tuple[Finding, ...]
