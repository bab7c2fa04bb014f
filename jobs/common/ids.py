"""New ids: UUIDv7 as text, so that ids sort by the time they were made."""

from __future__ import annotations

from uuid_utils import uuid7


def new_id() -> str:
    """A fresh UUIDv7 as 36 characters of text."""
    return str(uuid7())
