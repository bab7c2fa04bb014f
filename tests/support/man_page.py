"""The manual page receiver(1), made from the parser: `python -m tests.support.man_page` writes it.

`receiver/cli/receiver.1` goes into the wheel, which installs it where `man` looks.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from receiver.cli.app import app

PAGE = Path(__file__).parents[2] / "receiver" / "cli" / "receiver.1"

GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = GROUP.commands

EXIT_STATUS = {
    "0": "All is well.",
    "1": "A problem was found, or a command failed.",
    "2": "Misuse: an unknown option or name, or --yes is missing where there is no terminal.",
}
FILES = {
    ".env": "Settings, read from the working directory.",
    "mappings/": "Mapping files, agents.yaml, tables/, examples/; else RECEIVER_MAPPINGS.",
    "var/": "Database, sockets, generated secrets; else RECEIVER_DATA_DIR.",
}


def man_page() -> str:
    """The page, in roff."""
    return "\n".join([*_head(), *_commands(), *_tail()]) + "\n"


def _head() -> Iterator[str]:
    yield '.\\" Made from the parser by tests.support.man_page; do not edit.'
    yield '.TH RECEIVER 1 "" "receiver" "User Commands"'
    yield ".SH NAME"
    yield "receiver \\- signed webhooks into revenue\\-only billing events, once"
    yield ".SH SYNOPSIS"
    yield ".B receiver"
    yield ".I COMMAND"
    yield "[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]"
    yield ".SH DESCRIPTION"
    yield from _paragraphs(GROUP.help)
    yield ".SH COMMANDS"


def _commands() -> Iterator[str]:
    panel = None
    for name, command in COMMANDS.items():
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            yield f".SS {_text(panel)}"
        yield ".TP"
        context = typer.Context(command, info_name=f"receiver {name}")
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"\\fBreceiver {_text(name)}\\fR {_text(pieces)}"
        yield from _paragraphs(command.help, within=True)
        yield ".RS"
        for parameter in command.params:
            yield from _parameter(parameter, context)
        yield from _examples(command)
        yield ".RE"


def _parameter(parameter: Any, context: Any) -> Iterator[str]:
    if parameter.param_type_name == "argument":
        names, help_ = parameter.metavar or parameter.name.upper(), parameter.help
    else:
        record = parameter.get_help_record(context)
        if record is None:
            return
        names, help_ = record
    if help_:
        yield ".TP"
        yield f"\\fB{_text(names)}\\fR"
        yield _text(" ".join(help_.split()))


def _examples(command: Any) -> Iterator[str]:
    yield ".PP"
    yield "Examples:"
    yield ".PP"
    yield ".nf"
    yield from (f"  {_text(example)}" for example in command.examples)
    yield ".fi"


def _tail() -> Iterator[str]:
    for title, entries in {"EXIT STATUS": EXIT_STATUS, "FILES": FILES}.items():
        yield f".SH {title}"
        for name, text in entries.items():
            yield from (".TP", f"\\fB{_text(name)}\\fR", _text(text))


def _paragraphs(help_: str, *, within: bool = False) -> Iterator[str]:
    for number, paragraph in enumerate(re.split(r"\n\s*\n", help_.strip())):
        if number:
            yield ".IP" if within else ".PP"
        yield _text(" ".join(paragraph.split()))


def _text(text: str) -> str:
    """The text as roff has it: no character of it is taken for a request."""
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace("…", "...")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


if __name__ == "__main__":
    PAGE.write_text(man_page(), encoding="utf-8")
