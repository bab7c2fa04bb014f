"""How texts from outside appear inside a message.

Owns: cutting them short and suggesting the word that was meant. Refuses: whole sentences, which
belong to the place that knows what went wrong.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

SHOWN_MAX = 60


def shown(text: str) -> str:
    """`text`, cut to 60 characters."""
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that `word` was probably meant to be."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), list(lower), n=1, cutoff=0.6)
    return lower[close[0]] if close else None
