"""JSON objects without a repeated key: of two values readers disagree which one counts."""

from __future__ import annotations

from collections import Counter
from typing import Any


class DuplicateKey(ValueError):
    """An object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} is duplicated")
        self.key = key


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; for `object_pairs_hook`. Raises DuplicateKey."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise DuplicateKey(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return members
