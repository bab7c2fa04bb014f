"""Bytes read as decisions, so that flipping a bit flips a decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Decisions:
    """Reads from the front; where nothing is left, everything is the first of its kind."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data)

    def number(self, below: int) -> int:
        """One of 0 … below - 1."""
        read = self.take(1 if below <= 256 else 2)
        return int.from_bytes(read, "big") % below

    def one_of(self, choices: Sequence[T]) -> T:
        return choices[self.number(len(choices))]

    def take(self, most: int) -> bytes:
        found = self._data[self._at : self._at + most]
        self._at += len(found)
        return found

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def spliced(self, original: bytes) -> bytes:
        """The original with a stretch of it replaced by a few bytes that are read."""
        start = self.number(len(original) + 1)
        gone = self.number(16)
        return original[:start] + self.take(self.number(24)) + original[start + gone :]


def choice(*numbers: int) -> bytes:
    """The bytes that are read as these small numbers: how a seed selects one."""
    return bytes(numbers)
