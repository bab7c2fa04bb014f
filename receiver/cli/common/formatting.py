"""Texts that several commands print alike."""

from __future__ import annotations

import json
from collections.abc import Mapping


def why(reason: str | None, detail: str | None) -> str | None:
    """Reason and detail in one, if there are any."""
    return ": ".join(part for part in (reason, detail) if part) or None


def filter_text(given: Mapping[str, object]) -> str | None:
    """A filter in one line; of several ids only their number."""
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items()) or None


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"{value[0]}" if len(value) == 1 else f"({len(value)})"
    return value if isinstance(value, str) else json.dumps(value)
