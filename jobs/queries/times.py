"""Times as people write them: RFC 3339, a date for its midnight in the zone given, a span."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from jobs.common.errors import FilterInvalid

#: A `+` that a URL turned into a space: `2026-01-01T00:00:00 02:00`.
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:\d\d)$")

#: A span before now: `90s`, `30m`, `1h`, `7d`, `2w`.
_SPAN = re.compile(r"([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_time(name: str, text: str, zone: ZoneInfo) -> datetime:
    """The moment in UTC; raises FilterInvalid naming the parameter and what to write.

    A span such as `1h` or `7d` is so long before now.
    """
    example = "2026-01-31T00:00:00Z, 2026-01-31 for that day's start, or 7d for 7 days ago"
    wrong = FilterInvalid(f"{name} is {text[:80]!r}; write a time such as {example}")
    try:
        if span := _SPAN.fullmatch(text):
            return datetime.now(UTC) - timedelta(**{_UNITS[span[2]]: int(span[1])})
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        if moment.tzinfo is None:
            raise wrong
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
