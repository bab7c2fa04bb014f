"""What a command prints: JSON for programs, tables for people.

Owns that data goes to stdout and everything else to stderr, that piped output has no colours and
is never cut off, and that text from outside cannot steer the terminal.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal, TypeVar

from pydantic import BaseModel
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.common.states import DeliveryState
from receiver.terminal.layout import (
    GAP,
    MOST_LINES,
    column_widths,
    lines_needed,
    wrapped,
    wrapped_command,
)

STATE_STYLES: Mapping[str, str] = {
    DeliveryState.RECEIVED: "cyan",
    DeliveryState.RECORDED: "green",
    DeliveryState.IGNORED: "dim",
    DeliveryState.FAILED: "red",
    DeliveryState.DISCARDED: "dim",
}
#: Wide enough that nothing is folded where no terminal sets a width.
PIPED_WIDTH = 4_000
#: A terminal from here on has room for a sentence beside an id.
WIDE = 150

#: Of these, what is not printable is written out in JSON: only strings have any.
_UNPLAIN = re.compile(r"[^\n -~]")

#: What may stand before the name of a column; see `Output.table`.
_MARKS = ">=~"
#: What stands for no value.
_NOTHING = "-"

Cell = str | int | float | datetime | Text | None
T = TypeVar("T")
#: The columns of a table of records: what each shows of a record. See `Output.table`.
Columns = Mapping[str, Callable[[T], Cell]]


class Output:
    """One command's output. `as_json` leaves stdout to JSON alone."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self._out = _console(stderr=False)
        self.messages = _console(stderr=True)

    @property
    def is_wide(self) -> bool:
        """Whether a table has room for sentences."""
        return self._out.width >= WIDE

    def json(self, value: Any) -> None:
        """One JSON document on stdout; what could steer a terminal is in it as an escape."""
        text = json.dumps(value, indent=2, ensure_ascii=False, default=_fields)
        sys.stdout.write(_UNPLAIN.sub(_escaped, text) + "\n")

    def json_line(self, value: Any) -> None:
        """One JSON document on a line of its own, likewise."""
        text = json.dumps(value, ensure_ascii=False, default=_fields)
        sys.stdout.write(_UNPLAIN.sub(_escaped, text) + "\n")

    def write(self, text: str) -> None:
        """Text on stdout as it is; to a terminal as far as it cannot steer it."""
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)

    def json_if_asked(self, value: Any) -> None:
        """The same with `--json`, nothing without."""
        if self.as_json:
            self.json(value)

    def line(self, text: str | Text = "", *, hang: int | None = None) -> None:
        """A line for people on stdout; nothing with `--json`.

        A terminal has it broken between words, what follows set in by `hang` or a little more.
        """
        if not self.as_json:
            _print(self._out, _text(text), hang=hang)

    def verbatim(self, text: str) -> None:
        """Text that is copied as it is, such as a body: no line break is added."""
        if not self.as_json:
            self._out.print(_text(text), soft_wrap=True)

    def command(self, command: str, *, indent: int = 2) -> None:
        """A shell command to copy; on a narrow terminal on several lines that a shell joins."""
        if self.as_json:
            return
        text = visible(command)
        lines = [" " * indent + text]
        if self._out.is_terminal and cell_len(lines[0]) > self._out.width:
            lines = list(wrapped_command(text, self._out.width, indent=indent))
        for line in lines:
            self._out.print(Text(line, style="cyan"), soft_wrap=True)

    def facts(
        self, facts: Mapping[str, str | None], *, styles: Mapping[str, str] | None = None
    ) -> None:
        """Names and values, a line each, the values one below the other; no value, no line."""
        width = max(map(len, facts), default=0)
        for name, value in facts.items():
            if value:
                style = (styles or {}).get(name, "")
                line = Text(visible(f"  {name:<{width}} {value}"), style=style)
                self.line(line, hang=width + 3)

    def say(self, text: str | Text) -> None:
        """A line for people on stderr: what goes on, counts, hints."""
        _print(self.messages, _text(text))

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, titles: int = 1
    ) -> None:
        """A table on stdout.

        A column whose name starts with `>` is set to the right; with `=` it is never folded, so
        that what stands in it can be copied. Where a terminal has no room for the table, each row
        is a paragraph: its first `titles` cells are the title, and a column whose name starts with
        `~` is written without its name. No line is wider than the terminal, and none breaks within
        a word that fits.
        """
        listed = [[cell_text(cell) for cell in row] for row in rows]
        names = [name.lstrip(_MARKS) for name in columns]
        cells = [names, *([cell.plain for cell in row] for row in listed)]
        whole = [name.startswith((">", "=")) for name in columns]
        widths = column_widths(cells, whole=whole, width=self._out.width)
        if widths is None or max(lines_needed(row, widths) for row in cells) > MOST_LINES:
            labels = ["" if name.startswith("~") else f"{name.lstrip(_MARKS)} " for name in columns]
            self._paragraphs(labels, listed, titles)
        else:
            self._out.print(_table(columns, listed, widths))

    def records(self, columns: Columns[T], records: Iterable[T]) -> None:
        """A table with a row for each record."""
        cells = columns.values()
        self.table(tuple(columns), [[cell(record) for cell in cells] for record in records])

    def _paragraphs(
        self, labels: Sequence[str], rows: Iterable[Sequence[Text]], titles: int
    ) -> None:
        """The title on a line of its own, the other cells below it behind their labels."""
        for row in rows:
            title = "  ".join(cell.plain for cell in row[:titles] if cell.plain)
            if title:
                self.line(Text(title, style="bold"))
            parts = [
                f"{label}{cell.plain}"
                for label, cell in zip(labels[titles:], row[titles:], strict=True)
                if cell.plain not in ("", _NOTHING)
            ]
            for line in _packed(parts, self._out.width - 2):
                self.line(f"  {line}")

    def confirm(self, question: str) -> bool:
        """Ask on the terminal. Only call where standard input is one."""
        return self.ask(f"{question} [y/N] ").lower() in ("y", "yes")

    def ask(self, question: str) -> str:
        """The line that is typed in answer. Only call where standard input is a terminal."""
        self.messages.print(_text(question), end="", soft_wrap=True)
        return sys.stdin.readline().strip()


def _fields(record: Any) -> Any:
    """A record as the API gives it."""
    return record.model_dump(mode="json") if isinstance(record, BaseModel) else asdict(record)


def _table(columns: Sequence[str], rows: Iterable[Sequence[Text]], widths: Sequence[int]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, GAP - 1, 0, 0))
    for name, width in zip(columns, widths, strict=True):
        justify: Literal["left", "right"] = "right" if name.startswith(">") else "left"
        table.add_column(name.lstrip(_MARKS), justify=justify, overflow="fold", width=width)
    for row in rows:
        table.add_row(*row)
    return table


def _print(console: Console, text: Text, *, hang: int | None = None) -> None:
    """Print the text; a terminal has its lines broken between words."""
    if not console.is_terminal:
        console.print(text, soft_wrap=True)
        return
    for line in wrapped(text, console.width, hang=hang):
        console.print(line, soft_wrap=True)


def _packed(parts: Iterable[str], width: int) -> list[str]:
    """The parts side by side, as many as fit on a line; a longer one has a line of its own."""
    lines: list[str] = []
    for part in parts:
        joined = f"{lines[-1]}  {part}" if lines else part
        if lines and cell_len(joined) <= width:
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


def why(reason: str | None, detail: str | None) -> str | None:
    """Reason and detail in one, if there are any."""
    return ": ".join(part for part in (reason, detail) if part) or None


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
