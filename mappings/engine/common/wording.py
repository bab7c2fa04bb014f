"""How texts from outside appear inside a message.

Owns: cutting them short. Refuses: whole sentences, which belong to the place that knows what went
wrong.
"""

from __future__ import annotations

SHOWN_MAX = 60


def shown(text: str, at_most: int = SHOWN_MAX) -> str:
    """`text`, cut to `at_most` characters."""
    return text if len(text) <= at_most else f"{text[: at_most - 1]}…"


def quoted(text: str) -> str:
    """`text` in double quotes, cut to 60 characters."""
    return f'"{shown(text)}"'
