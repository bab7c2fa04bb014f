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


def parse_interval(text: str) -> timedelta | None:
    """The duration that `2h` writes; None for any other form."""
    match = _INTERVAL.fullmatch(text)
    return timedelta(**{_UNITS[match[2]]: int(match[1])}) if match else None


def _checked(written: object) -> object:
    """Before types are looked at: a bare number lacks its unit, and quotes would not help it."""
    interval = parse_interval(written) if isinstance(written, str) else None
    if interval is None or interval > _LONGEST:
        raise wrong(
            f"`{str(written)[:40]}` is not an interval between deliveries.",
            "Write a whole number and m, h or d behind it, up to 366d, such as 2h.",
        )
    return written


Interval = Annotated[
    str,
    BeforeValidator(_checked),
    Field(
        description="The longest normal silence: after it, `receiver doctor` and an alert "
        "report the source.",
        examples=["2h"],
    ),
]
