"""Where a character of a YAML value stands in the file.

Owns: the way back from an offset in a decoded text (an expression's, say) to line and column,
through quotes, escapes, folding and indentation. Refuses: to check any YAML; that is done.
"""

from __future__ import annotations

import re

from mappings.engine.reading.positions import Mark

_BLOCK = re.compile(r"[|>][-+0-9]*[^\n]*\n")
_ESCAPE = re.compile(r"\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|\r?\n\s*|.)", re.DOTALL)


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
            return _mark(source, position)
        position += length
        behind = position
    blanks = offset - len(value[:offset].rstrip())
    same_line = source[behind : behind + blanks]
    return _mark(source, behind + (blanks if "\n" not in same_line and value.strip() else 0))


def _index(source: str, mark: Mark) -> int:
    index = 0
    for _ in range(mark.line - 1):
        index = source.find("\n", index) + 1
    return index + mark.column - 1


def _mark(source: str, index: int) -> Mark:
    before = source[:index]
    return Mark(before.count("\n") + 1, index - before.rfind("\n"))


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
