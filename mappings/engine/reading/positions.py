"""Where each key and value of a file stands, and each character of a value.

Owns: the place (line and column, from 1) of every key and value by its path, the text a value was
written as, and the way back from an offset in a decoded text (an expression's, say) through quotes,
escapes, folding and indentation. Refuses: to check any YAML, or to know a model.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

_BLOCK = re.compile(r"[|>][-+0-9]*[^\n]*\n")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n\s*|.)", re.DOTALL)
#: The way to a value from the top of a file: keys of mappings, indexes of lists.
Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a text; both count from 1, columns in characters."""

    line: int
    column: int


def mark_at(text: str, index: int) -> Mark:
    """The place of the character at `index`."""
    return Mark(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


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


def place_in(source: str, start: Mark, value: str, offset: int) -> Mark:
    """The place in `source` of `value[offset]`, where `value` is the scalar that begins at `start`.

    An offset at a blank or past the end gives the place just behind what stands before it.
    """
    position = _index(source, start)
    quote = source[position : position + 1]
    if quote in {'"', "'"}:
        position += 1
    elif match := _BLOCK.match(source, position):
        quote = ""
        position = match.end()
    else:
        quote = ""
    behind = position
    for index, character in enumerate(value):
        if character.isspace():
            continue
        if index > offset:
            break
        position = _skip_blanks(source, position, quote)
        length = _length(source, position, quote)
        if index == offset:
            return mark_at(source, position)
        position += length
        behind = position
    blanks = offset - len(value[:offset].rstrip())
    same_line = source[behind : behind + blanks]
    return mark_at(source, behind + (blanks if "\n" not in same_line and value.strip() else 0))


def _index(source: str, mark: Mark) -> int:
    index = 0
    for _ in range(mark.line - 1):
        index = source.find("\n", index) + 1
    return index + mark.column - 1


def _skip_blanks(source: str, position: int, quote: str) -> int:
    while position < len(source):
        if source[position].isspace():
            position += 1
        elif quote == '"' and re.match(r"\\(?:\s|[nrt])", source[position : position + 2]):
            position += 2
        else:
            break
    return position


def _length(source: str, position: int, quote: str) -> int:
    """How many characters of the file stand for the one value character at `position`."""
    if quote == '"' and (match := _ESCAPE.match(source, position)):
        return len(match.group())
    return 2 if quote == "'" and source.startswith("''", position) else 1
