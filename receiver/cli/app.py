"""The command line `receiver`: the table of all commands, in the order of `--help`.

A command is a module of this folder; nothing of it is imported here.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from receiver.cli.common.command import Command, Group
from receiver.cli.common.errors import MISUSE
from receiver.terminal.pipes import expect_readers_to_go, flush, open_closed

#: By panel of `--help`.
COMMANDS = {
    "Run the service": ["up", "serve", "work", "migrate"],
    "Write mappings, test a source": [
        *["check", "try", "init", "new", "example"],
        *["send", "trigger", "verify", "schema"],
    ],
    "Connect a vendor": ["schemes", "pair"],
    "Inspect, replay and correct": [
        *["deliveries", "rejections", "show", "failures"],
        *["replay", "discard", "reverse", "reinstate"],
    ],
    "Read the ledger": ["events", "revenue", "actions", "exceptions"],
    "Monitor and maintain": [
        *["status", "doctor", "sources", "tail"],
        *["rules", "purge", "timezone"],
    ],
}


class _Receiver(Group):
    """The group of the commands in the table."""

    def __init__(self, **named: Any) -> None:
        super().__init__(**named)
        for panel, names in COMMANDS.items():
            for name in names:
                self.add_command(Command(name, panel=panel))


app = typer.Typer(
    name="receiver",
    cls=_Receiver,
    help="Turns signed webhooks into money, once: revenue-only billing events.\n\n"
    "Begin with `receiver init DIR`, which makes a folder of your own, and `receiver up` in it; "
    "`receiver up --demo` shows what it does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        # Imported late: no other command needs it.
        from importlib import metadata

        typer.echo(metadata.version("receiver"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options before a command."""


def main() -> None:
    """The entry point of the console script."""
    open_closed()
    expect_readers_to_go()
    try:
        _run()
    finally:
        flush()


def _run() -> None:
    for argument in sys.argv[1:]:
        try:
            argument.encode()
        except UnicodeEncodeError:
            sys.stderr.write(f"receiver: {argument!a} is not UTF-8; nothing was done\n")
            sys.exit(MISUSE)
    app()
