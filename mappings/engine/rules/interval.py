"""The longest normal silence of a source, as a mapping file writes it: `30m`, `2h`, `7d`.

Owns: the form and its bounds. Refuses: to know a clock; the caller compares.
"""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from mappings.engine.reading.validation import wrong

_INTERVAL = re.compile(r"([1-9]\d{0,5})([mhd])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_LONGEST = timedelta(days=366)


def parse_interval(text: str) -> timedelta:
    """The duration that `2h` writes. Raises ValueError for any other form."""
    found = _INTERVAL.fullmatch(text)
    if found is None:
        message = f"{text!r} is not a number followed by m, h or d"
        raise ValueError(message)
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def _checked(written: object) -> str:
    """Before types are looked at: a bare number lacks its unit, and quotes would not help it."""
    if isinstance(written, str) and _is_good(written):
        return written
    raise wrong(
        f"`{str(written)[:40]}` is not an interval between deliveries.",
        "Write a whole number and m, h or d behind it, up to 366d, such as 2h.",
    )


def _is_good(text: str) -> bool:
    try:
        return parse_interval(text) <= _LONGEST
    except ValueError:
        return False


Interval = Annotated[
    str,
    BeforeValidator(_checked),
    Field(
        description="The longest normal silence: after it, `receiver doctor` and an alert "
        "report the source.",
        examples=["2h"],
    ),
]
