"""Spans of time in words."""

from __future__ import annotations

_UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
#: Enough to tell spans apart.
_MOST_UNITS = 2


def span_text(seconds: int) -> str:
    """The span in its two largest units: `45s`, `30m`, `7h 1m`, `3d`."""
    parts: list[str] = []
    for unit, size in _UNITS.items():
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
        elif parts:
            break
    return " ".join(parts[:_MOST_UNITS]) or "0s"
