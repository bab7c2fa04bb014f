"""The errors of the mapping language: one base class, so that a caller can catch them all.

Owns: what every error carries, and how a text from outside is quoted in one. Refuses: to know what
went wrong; that is for the subclasses.
"""

from __future__ import annotations

SHOWN_MAX = 60


class MappingsError(Exception):
    """A mapping, or what it was given, cannot be used.

    `message` is what is wrong, `remedy` what to do about it; "" where there is no advice.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class InvalidValue(MappingsError):
    """A text or number cannot be used here; message and remedy are parts of a sentence."""

    def __str__(self) -> str:
        return f"{self.message}; {self.remedy}"


def shown(text: str, at_most: int = SHOWN_MAX) -> str:
    """`text`, cut to `at_most` characters."""
    return text if len(text) <= at_most else f"{text[: at_most - 1]}…"


def quoted(text: str) -> str:
    """`text` in double quotes, cut to 60 characters."""
    return f'"{shown(text)}"'
