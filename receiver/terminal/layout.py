"""How text and tables fit a terminal: where lines break, how wide each column is. Pure.

Owns that no line is wider than the terminal, and that no line breaks within a word that fits on
one. A word is what stands between blanks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, chop_cells
from rich.console import Console
from rich.text import Text

#: Columns between two columns of a table.
GAP = 2
#: A row of a table that would take more lines than this is written as a paragraph.
MOST_LINES = 8
#: An argument of a shell command as it is written, its quotes included.
_ARGUMENT = re.compile(r"""(?:[^\s'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*")+""", re.DOTALL)

_console = Console()


def longest_word(text: str) -> int:
    """The columns that the longest word takes."""
    return max((cell_len(word) for word in text.split()), default=0)


def longest_line(text: str) -> int:
    """The columns that the longest line takes."""
    return max((cell_len(line) for line in text.split("\n")), default=0)


def wrapped(text: Text, width: int, *, hang: int | None = None) -> Iterator[Text]:
    """The lines of the text, broken at blanks where they are wider than `width`.

    What follows a break is set in by `hang`, which is two more than the line itself unless given,
    and less where a word needs the room.
    """
    for line in text.split("\n", allow_blank=True):
        line.expand_tabs(4)
        if line.cell_len <= width:
            yield line
        else:
            yield from _broken(line, width, hang)


def _broken(line: Text, width: int, hang: int | None) -> Iterator[Text]:
    blanks = len(line.plain) - len(line.plain.lstrip(" "))
    longest = longest_word(line.plain)
    room = width - longest if longest <= width else min(blanks + 2, width // 2)
    indent = min(blanks, room)
    hang = min(indent + 2 if hang is None else hang, room)
    first, *others = _words_on_lines(line[blanks:], width - max(indent, hang))
    yield Text.assemble(" " * indent, first)
    for other in others:
        yield Text.assemble(" " * hang, other)


def _words_on_lines(text: Text, width: int) -> list[Text]:
    lines = list(text.wrap(_console, max(width, 1), overflow="fold"))
    for line in lines:
        line.rstrip()
    return lines or [Text()]


def wrapped_command(command: str, width: int, *, indent: int = 0) -> Iterator[str]:
    r"""A shell command on lines that a shell joins again: each but the last ends with `\`."""
    start, more = " " * indent, " " * (indent + 2)
    line = start
    for word in _ARGUMENT.findall(command):
        joined = line + word if not line.strip() else f"{line} {word}"
        if cell_len(joined) <= width - 2:
            line = joined
            continue
        if line.strip():
            yield f"{line} \\"
        *pieces, line = _pieces(word, width - 2, indent=len(more))
        yield from (f"{piece}\\" for piece in pieces)
    yield line


def _pieces(word: str, width: int, *, indent: int) -> list[str]:
    """An argument on a line of its own; one that does not fit in pieces, quotes closed in each."""
    if indent + cell_len(word) <= width:
        return [" " * indent + word]
    if cell_len(word) <= width:
        return [word]
    if "'" in word or '"' in word or "\\" in word:
        return [word]  # a piece must not begin within quotes
    return list(chop_cells(word, width))


def column_widths(
    cells: Sequence[Sequence[str]], *, whole: Sequence[bool], width: int
) -> list[int] | None:
    """How wide each column is, of rows that hold the heads too; None where there is no room.

    A column that is `whole` is never broken; any other at least holds its longest word.
    """
    natural = [max(map(longest_line, column)) for column in zip(*cells, strict=True)]
    least = [
        full if is_whole else max(map(longest_word, column))
        for column, full, is_whole in zip(zip(*cells, strict=True), natural, whole, strict=True)
    ]
    spare = width - sum(least) - GAP * (len(least) - 1)
    if spare < 0:
        return None
    return _shared_out(least, natural, spare)


def _shared_out(least: Sequence[int], natural: Sequence[int], spare: int) -> list[int]:
    """The least widths, and the spare room for those that could use it: small needs are met."""
    widths = list(least)
    wanted = (full - low for low, full in zip(least, natural, strict=True))
    needs = sorted((need, place) for place, need in enumerate(wanted))
    for number, (need, place) in enumerate(needs):
        given = min(need, spare // (len(needs) - number))
        widths[place] += given
        spare -= given
    return widths


def lines_needed(cells: Sequence[str], widths: Sequence[int]) -> int:
    """The lines that a row of a table takes, about."""
    return max(
        sum(-(-max(cell_len(line), 1) // width) for line in cell.split("\n"))
        for cell, width in zip(cells, widths, strict=True)
        if width
    )
