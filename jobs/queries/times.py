"""Times as people write them: RFC 3339, or a date for its midnight in the configured zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from jobs.errors import FilterInvalid

#: A `+` that a URL turned into a space: `2026-01-01T00:00:00 02:00`.
_LOST_PLUS = re.compile(r"(T[\d:.]+) (\d\d:\d\d)$")


def parse_time(name: str, text: str, zone: ZoneInfo) -> datetime:
    """The moment in UTC; raises FilterInvalid naming the parameter and what to write."""
    example = "2026-01-31T00:00:00Z, or 2026-01-31 for that day's start"
    wrong = FilterInvalid(f"{name} is {text[:80]!r}; write a time such as {example}")
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return datetime.combine(date.fromisoformat(text), time(), zone).astimezone(UTC)
        moment = datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text))
        if moment.tzinfo is None:
            raise wrong
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise wrong from None
