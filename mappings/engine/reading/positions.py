"""Where each key and value of a file stands.

Owns: the place (line and column, from 1) of every key and value by its path, and the text a
value was written as. Refuses: to know YAML or any model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

#: The way to a value from the top of a file: keys of mappings, indexes of lists.
Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Positions:
    """The places of all keys and values of one file.

    `keys` holds the place of the key (of the item itself in a list), `values` that of the value,
    `written` the text of each value that YAML took for something else than text (`0.99`, `yes`).
    """

    keys: Mapping[Path, Mark] = field(default_factory=lambda: MappingProxyType({}))
    values: Mapping[Path, Mark] = field(default_factory=lambda: MappingProxyType({}))
    written: Mapping[Path, str] = field(default_factory=lambda: MappingProxyType({}))

    def key(self, path: Path) -> Mark:
        """The place of the key at `path`, or of the nearest thing above it that has one."""
        return _nearest(self.keys, path)

    def value(self, path: Path) -> Mark:
        """The place of the value at `path`, or of the nearest thing above it that has one."""
        return _nearest(self.values, path)


def _nearest(marks: Mapping[Path, Mark], path: Path) -> Mark:
    for length in range(len(path), -1, -1):
        mark = marks.get(path[:length])
        if mark is not None:
            return mark
    return Mark(1, 1)
