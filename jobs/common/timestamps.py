"""Timestamps as text: RFC 3339 in UTC, with `Z`."""

from __future__ import annotations

from datetime import UTC, datetime


def in_utc(moment: datetime) -> str:
    """An aware time, to the microsecond where it has any: `2026-09-01T08:00:00Z`."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
