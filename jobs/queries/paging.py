"""Limits and cursors: how a long list is read piece by piece.

Owns the form of a cursor: the sort key of the last item seen, so that new rows shift nothing.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime

from jobs.common.errors import FilterInvalid
from jobs.filters import can_be_stored

DEFAULT_LIMIT = 100
MOST = 1000

_CURSOR = re.compile(r"[A-Za-z0-9_-]{1,2000}")


def clamp(limit: int) -> int:
    """A limit of 1 to 1000: more is taken for 1000, less raises FilterInvalid."""
    if limit < 1:
        raise FilterInvalid(f"limit is {limit}; give a number from 1 to {MOST}")
    return min(limit, MOST)


def write_cursor(of: str, parts: Sequence[str]) -> str:
    """A cursor into the list named `of`, made of `[A-Za-z0-9_-]` only."""
    raw = json.dumps([of, *parts], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def read_cursor(of: str, cursor: str, *, parts: int) -> tuple[str, ...]:
    """What `write_cursor` was given; raises FilterInvalid for any other text."""
    if not _CURSOR.fullmatch(cursor):
        raise _unknown(of)
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        raise _unknown(of) from None
    well_formed = isinstance(found, list) and all(
        isinstance(part, str) and can_be_stored(part) for part in found
    )
    if not well_formed or len(found) != parts + 1 or found[0] != of:
        raise _unknown(of)
    return tuple(found[1:])


def write_position(of: str, at: datetime, row_id: str) -> str:
    """The cursor behind a row that sorts by time and id."""
    return write_cursor(of, (at.isoformat(), row_id))


def read_position(of: str, cursor: str) -> tuple[datetime, str]:
    """Time and id of the last row seen; raises FilterInvalid."""
    at, row_id = read_cursor(of, cursor, parts=2)
    return read_moment(of, at), row_id


def read_moment(of: str, at: str) -> datetime:
    """The time that is a part of a cursor; raises FilterInvalid."""
    try:
        moment = datetime.fromisoformat(at)
        in_utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _unknown(of) from None
    if moment.tzinfo is None:
        raise _unknown(of)
    return in_utc


def _unknown(of: str) -> FilterInvalid:
    return FilterInvalid(f"cursor is unknown; pass `next` of an earlier page of the {of}")
