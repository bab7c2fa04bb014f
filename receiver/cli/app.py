"""The command line `receiver`: all commands, put together.

Owns the order in which `--help` lists them. Modules of commands hold signatures only, so that
`--help` and shell completion load neither database nor server.
"""

from __future__ import annotations

import sys
from importlib import metadata
from typing import Annotated

import typer

from receiver.cli.common.errors import MISUSE
from receiver.cli.common.help import Command, Group
from receiver.cli.groups import authoring, money, operating, processes, setting_up, watching
from receiver.terminal.pipes import expect_readers_to_go, flush, open_closed

app = typer.Typer(
    name="receiver",
    cls=Group,
    help="Turns signed webhooks into money, once: revenue-only billing events.\n\n"
    "Begin with `receiver init DIR`, which makes a folder of your own, and `receiver up` in it; "
    "`receiver up --demo` shows what it does.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for title, group in {
    "Run it": processes.app,
    "Point a source at it, edit mappings": authoring.app,
    "Set a vendor up": setting_up.app,
    "See what came, mend, replay": operating.app,
    "Read the ledger": money.app,
    "Look after the whole": watching.app,
}.items():
    for command in group.registered_commands:
        command.rich_help_panel = title
        command.cls = Command
    app.add_typer(group)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(metadata.version("receiver"))
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print it.")
    ] = False,
) -> None:
    """What goes before a command."""


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
            sys.stderr.write(f"receiver: {argument!a} is no UTF-8; nothing was done\n")
            sys.exit(MISUSE)
    app()
