"""Times as senders write them: one reader for `occurred_at` and for CEL's `timestamp()`.

Owns: which texts are a time, and what is wrong with any other. Refuses: to guess. A text without
an offset or a zone is ambiguous, and a zone's short name (`CET`, `EST`) has several offsets.

Read are RFC 3339 and what ISO 8601 and vendors make of it (`+0000`, `+01`, a blank for `T`, a comma
before the fraction, no seconds, no dashes, `UTC`), and RFC 2822 (`28 Nov 2026 07:00:00 +0000`).
All that CEL's own `timestamp()` reads is among these but years of fewer than four digits: `26` may
be 2026 or the year 26.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from mappings.engine.common.errors import InvalidValue, quoted

_OFFSET = r"(?P<offset>Z|UTC|GMT|UT|[+-]\d{2}(?::?\d{2}(?::?\d{2})?)?)?"
_CLOCK = r"(?P<hour>\d{1,2}):(?P<minute>\d{1,2})(?::(?P<second>\d{1,2})(?:[.,](?P<fraction>\d+))?)?"
_EXTENDED = rf"(?P<year>\d{{4}})-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}})(?:T|[ ]+){_CLOCK}"
_BASIC = (
    r"(?P<year>\d{4})(?P<month>\d\d)(?P<day>\d\d)(?:T|[ ])"
    r"(?P<hour>\d\d)(?P<minute>\d\d)(?:(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
)
_OF_MAIL = r"(?:[a-z]{3},[ ]*)?(?P<day>\d{1,2})[ ](?P<name>[a-z]{3})[ ](?P<year>\d{4})[ ]" + _CLOCK
_FORMS = tuple(
    re.compile(form + "[ ]*" + _OFFSET, re.IGNORECASE | re.ASCII)
    for form in (_EXTENDED, _BASIC, _OF_MAIL)
)
#: The digits behind the microseconds, down to the nanosecond.
_FRACTION = re.compile(r"[.,]\d{6}(\d{1,3})")
_DATE = re.compile(r"\d{4}-?\d{2}-?\d{2}")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LEAP_SECOND = 60
#: What stands between a text and its zone where both are one key.
ZONE_MARK = "\x1f"


def parse_time(text: str, zone: str | None = None) -> datetime:
    """The moment that `text` names, in UTC and cut to microseconds. Raises InvalidValue.

    `zone` (such as Europe/Berlin) is the one a text without an offset is in.
    """
    trimmed = text.strip()
    match = next((found for form in _FORMS if (found := form.fullmatch(trimmed))), None)
    if match is None:
        raise _no_time(trimmed)
    parts = match.groupdict()
    try:
        local = _local(parts)
        if parts["offset"] is None:
            return _in_zone(trimmed, local, zone)
        return local.replace(tzinfo=_offset(parts["offset"])).astimezone(UTC)
    except InvalidValue:
        raise
    except (ValueError, OverflowError) as error:
        raise InvalidValue(
            f"{quoted(trimmed)} names a time that does not exist", _EXAMPLE
        ) from error


def rfc3339(text: str, zone: str | None = None) -> str:
    """The moment that `text` names, to the nanosecond as CEL's own `timestamp()` keeps it.

    So a key made of it is the same whichever of the two readers read it. Raises InvalidValue.
    """
    moment = parse_time(text, zone)
    fraction = _FRACTION.search(text)
    finer = fraction[1] if fraction is not None else ""
    return moment.strftime(f"{moment.year:04}-%m-%dT%H:%M:%S.%f{finer}Z")


def _local(parts: dict[str, str | None]) -> datetime:
    month = parts.get("month") or str(_MONTHS.index(str(parts.get("name")).lower()) + 1)
    second = int(parts["second"] or 0)
    date = (int(str(parts["year"])), int(month), int(str(parts["day"])))
    minute = (int(str(parts["hour"])), int(str(parts["minute"])))
    if second == _LEAP_SECOND:
        return datetime(*date, *minute) + timedelta(minutes=1)  # noqa: DTZ001  # its zone is added
    micros = int((parts["fraction"] or "")[:6].ljust(6, "0"))
    return datetime(*date, *minute, second, micros)  # noqa: DTZ001  # its zone is added


def _offset(text: str) -> timezone:
    if text[0] not in "+-":
        return UTC
    digits = text[1:].replace(":", "").ljust(6, "0")
    hours, minutes, seconds = (int(digits[at : at + 2]) for at in (0, 2, 4))
    if max(minutes, seconds) >= 60:  # noqa: PLR2004  # minutes in an hour, seconds in a minute
        raise ValueError
    ahead = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return timezone(-ahead if text[0] == "-" else ahead)


def _in_zone(trimmed: str, local: datetime, zone: str | None) -> datetime:
    if zone is None:
        raise InvalidValue(
            f"{quoted(trimmed)} has no time zone",
            'add what the sender means: timestamp(… + "Z") for UTC, timestamp(… + "+01:00") for '
            'an offset, or timestamp(…, "Europe/Berlin") for a zone',
        )
    try:
        rules = ZoneInfo(zone)
    except (OSError, ValueError, KeyError) as error:
        raise InvalidValue(
            f"there is no time zone {quoted(zone)}",
            "write the name that IANA has for it, such as Europe/Berlin",
        ) from error
    moments = {local.replace(tzinfo=rules, fold=fold).astimezone(UTC) for fold in (0, 1)}
    moments = {one for one in moments if one.astimezone(rules).replace(tzinfo=None) == local}
    if len(moments) != 1:
        times = "twice" if moments else "never"
        raise InvalidValue(
            f"{quoted(trimmed)} happens {times} in {zone}: the clocks change",
            "have the sender put its offset beside the time",
        )
    return moments.pop()


_EXAMPLE = "it takes a time such as 2026-01-31T09:30:00Z or 2026-01-31 10:30:00 +0100"


def _no_time(trimmed: str) -> InvalidValue:
    if not trimmed:
        return InvalidValue("the text is empty", "ask for it first, or leave `occurred_at` out")
    if _DATE.fullmatch(trimmed):
        return InvalidValue(
            f"{quoted(trimmed)} is a date without a time of day",
            'add what the sender means, such as timestamp(… + "T00:00:00Z")',
        )
    if _NUMBER.fullmatch(trimmed):
        return InvalidValue(
            f"{quoted(trimmed)} is a number", "write seconds(int(…)) or millis(int(…)) around it"
        )
    return InvalidValue(f"{quoted(trimmed)} is not a readable time", _EXAMPLE)
