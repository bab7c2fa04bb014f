"""What a command prints: JSON for programs, tables for people.

Owns that data goes to stdout and everything else to stderr, that piped output has no colours and
is never cut off, and that text from outside cannot steer the terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

STATE_STYLES = {
    "received": "cyan",
    "recorded": "green",
    "ignored": "dim",
    "failed": "red",
    "discarded": "dim",
}
#: Wide enough that nothing is folded where no terminal sets a width.
PIPED_WIDTH = 4_000
#: Tables are not squeezed below this: on a narrower terminal rows that do not fit are paragraphs.
NARROWEST = 110
#: A terminal from here on has room for a sentence beside an id.
WIDE = 150

#: Of these, what is not printable is written out in JSON: only strings have any.
_UNPLAIN = re.compile(r"[^\n -~]")

#: What stands for no value.
_NOTHING = "-"

Cell = str | int | float | datetime | Text | None


class Output:
    """One command's output. `as_json` leaves stdout to JSON alone."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self._terminal_width = self._out.width
        self._out.width = max(self._out.width, NARROWEST)
        self.messages = _console(stderr=True)

    @property
    def is_wide(self) -> bool:
        """Whether a table has room for sentences."""
        return self._out.width >= WIDE

    def json(self, value: Any) -> None:
        """One JSON document on stdout; what could steer a terminal is in it as an escape."""
        text = json.dumps(value, indent=2, ensure_ascii=False)
        sys.stdout.write(_UNPLAIN.sub(_escaped, text) + "\n")

    def json_line(self, value: Any) -> None:
        """One JSON document on a line of its own, likewise."""
        text = json.dumps(value, ensure_ascii=False)
        sys.stdout.write(_UNPLAIN.sub(_escaped, text) + "\n")

    def write(self, text: str) -> None:
        """Text on stdout as it is; to a terminal as far as it cannot steer it."""
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)

    def json_if_asked(self, value: Any) -> None:
        """The same with `--json`, nothing without."""
        if self.as_json:
            self.json(value)

    def line(self, text: str | Text = "") -> None:
        """A line for people on stdout; nothing with `--json`."""
        if not self.as_json:
            self._out.print(_text(text), soft_wrap=True)

    def say(self, text: str | Text) -> None:
        """A line for people on stderr: what goes on, counts, hints."""
        self.messages.print(_text(text), soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> None:
        """A table on stdout.

        A column whose name starts with `>` is set to the right; with `=` it is never folded, so
        that what stands in it can be copied. Where a terminal has no room for the table, each row
        is a paragraph.
        """
        listed = [[cell_text(cell) for cell in row] for row in rows]
        table = _table(columns, listed)
        natural = self._out.measure(table, options=self._out.options.update(width=PIPED_WIDTH))
        if self._terminal_width < min(natural.maximum, NARROWEST):
            self._paragraphs([name.lstrip(">=") for name in columns], listed)
        else:
            self._out.print(table)

    def _paragraphs(self, names: Sequence[str], rows: Iterable[Sequence[Text]]) -> None:
        """The first cell on a line of its own, the others below it with their names."""
        for first, *others in rows:
            self._out.print(Text(first.plain, style="bold"), soft_wrap=True)
            said = [
                f"{name} {cell.plain}"
                for name, cell in zip(names[1:], others, strict=True)
                if cell.plain != _NOTHING
            ]
            for line in _packed(said, self._terminal_width - 2):
                self._out.print(Text(f"  {line}"), soft_wrap=True)

    def confirm(self, question: str) -> bool:
        """Ask on the terminal. Only call where standard input is one."""
        return self.ask(f"{question} [y/N] ").lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """The line that is typed in answer. Only call where standard input is a terminal."""
        self.messages.print(_text(question), end="", soft_wrap=True)
        return sys.stdin.readline().strip()


def _table(columns: Sequence[str], rows: Iterable[Sequence[Text]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        if name.startswith(">"):
            table.add_column(name[1:], justify="right", no_wrap=True)
        elif name.startswith("="):
            table.add_column(name[1:], no_wrap=True)
        else:
            table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _packed(parts: Iterable[str], width: int) -> list[str]:
    """The parts side by side, as many as fit on a line; a longer one has a line of its own."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}  {part}" if lines else part
        if lines and len(joined) <= width:
            lines[-1] = joined
        else:
            lines.append(part)
    return lines


def counted(number: int, one: str, many: str = "") -> str:
    """`1 source`, `2 sources`; `many` where an s does not do."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def deliveries_counted(number: int) -> str:
    """`1 delivery`, `2 deliveries`."""
    return counted(number, "delivery", "deliveries")


def state_text(state: str) -> Text:
    """A state in its colour."""
    return Text(state, style=STATE_STYLES.get(state, ""))


def cell_text(cell: Cell) -> Text:
    """A value as it stands in a table: times as UTC to the second, nothing as a dash."""
    if isinstance(cell, Text):
        return cell
    if isinstance(cell, datetime):
        return Text(f"{cell.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}")
    return Text(_NOTHING, style="dim") if cell is None else Text(visible(str(cell)))


def visible(text: str) -> str:
    """The text with everything that could steer a terminal spelled out instead."""
    return "".join(
        char if char.isprintable() or char in "\n\t" else char.encode("unicode_escape").decode()
        for char in text
    )


def _escaped(found: re.Match[str]) -> str:
    return found[0] if found[0].isprintable() else json.dumps(found[0])[1:-1]


def _text(text: str | Text) -> Text:
    return text if isinstance(text, Text) else Text(visible(text))


def _console(*, stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = PIPED_WIDTH
    return console
