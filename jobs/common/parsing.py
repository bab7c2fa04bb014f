"""Values as people write them, in a query string, a JSON body or on the command line.

Owns that each is checked before it is used: FilterInvalid names the parameter and the fix.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jobs.common.errors import FilterInvalid
from mappings.engine.common.suggest import nearest

#: More ids than this are a filter in disguise.
MAX_IDS = 10_000

#: A `+` that a URL turned into a space: `2026-01-01T00:00:00 02:00`.
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:\d\d)$")
#: A span before now: `90s`, `30m`, `1h`, `7d`, `2w`.
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def can_be_stored(text: str) -> bool:
    """Whether a database can hold the text: PostgreSQL has no NUL, UTF-8 no half a character."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def check_text(name: str, text: str) -> None:
    """Raise FilterInvalid for text that no database can hold."""
    if not can_be_stored(text):
        raise FilterInvalid(f"{name} has a NUL or half a character; leave it out")


def check_names(given: Iterable[str], known: Iterable[str]) -> None:
    """Raise FilterInvalid for the first name that is not known, with the nearest that is."""
    names = sorted(known)
    for name in given:
        if name not in names:
            near = nearest(name, names)
            hint = f"did you mean {near}?" if near else f"known are {', '.join(names)}"
            raise FilterInvalid(f"{name[:80]!r} is no parameter here; {hint}")


def check_choice(name: str, value: str | None, choices: Iterable[str]) -> None:
    """Raise FilterInvalid for a value that is not among the choices, with the nearest that is."""
    if value is None or value in (known := tuple(choices)):
        return
    near = nearest(value, known)
    hint = f"did you mean {near}? Choose" if near else "choose"
    raise FilterInvalid(f"{name} is {value[:80]!r}; {hint} from {', '.join(known)}")


def check_ids(ids: Iterable[str], kind: str) -> tuple[str, ...]:
    """These ids of `kind`; raises FilterInvalid for what cannot be an id, and for too many."""
    checked = tuple(ids)
    for text in checked:
        check_text("ids", text)
    if len(checked) > MAX_IDS:
        raise FilterInvalid(f"ids names {len(checked)} {kind}; give {MAX_IDS} at most")
    return checked


def parse_whole_number(name: str, text: str) -> int:
    """The number; raises FilterInvalid."""
    if not re.fullmatch(r"-?[0-9]{1,18}", text):
        raise FilterInvalid(f"{name} is {text[:80]!r}; give a whole number")
    return int(text)


def parse_time(name: str, text: str, zone: ZoneInfo) -> datetime:
    """The time in UTC: RFC 3339, a date for its midnight in `zone`, or a span before now (`7d`).

    Raises FilterInvalid.
    """
    example = "2026-01-31T00:00:00Z, 2026-01-31 for that day's start, or 7d for 7 days ago"
    invalid = FilterInvalid(f"{name} is {text[:80]!r}; write a time such as {example}")
    try:
        if span := _SPAN.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        parsed = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        if parsed.tzinfo is None:
            raise invalid
        return parsed.astimezone(UTC)
    except (ValueError, OverflowError):
        raise invalid from None
