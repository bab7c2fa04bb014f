"""How texts from outside appear inside a message.

Owns: cutting them short. Refuses: whole sentences, which belong to the place that knows what went
wrong.
"""

from __future__ import annotations

SHOWN_MAX = 60


def shown(text: str) -> str:
    """`text`, cut to 60 characters."""
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"
