"""Run as a process: every command of `receiver`, for people and as JSON, all output on stdout.

Commands that are added later are run as well: what they need is worked out from their parameters.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator

import click
import typer

from receiver.cli.app import app
from tests.support.cli import CliRunner

#: They go on until they are stopped.
SERVING = {"up", "serve", "work", "tail"}
#: What goes with a command beside what it needs.
MORE = {
    "replay": ("--state", "recorded", "--dry-run"),
    "discard": ("--state", "failed", "--dry-run"),
    "reverse": ("--source", "signed", "--note", "a test", "--dry-run"),
    "deliveries": ("--limit", "1000"),
    "rejections": ("--limit", "1000"),
}
JSON = "--json"


def main(source: str, delivery: str, payload: str, request: str) -> None:
    """Run them all, with these for what they ask for."""
    values = {"source": source, "source_name": source, "what": payload, "file": payload}
    values |= {"delivery_id": delivery, "request_file": request, "customer": "acme"}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        if name in SERVING:
            continue
        arguments = [name, *_needed(command, values), *MORE.get(name, ())]
        takes_json = any(JSON in parameter.opts for parameter in command.params)
        for given in (arguments, [*arguments, JSON] if takes_json else None):
            if given is not None:
                _run(given)


def _needed(command: click.Command, values: dict[str, str]) -> Iterator[str]:
    for parameter in command.params:
        if parameter.required:
            if isinstance(parameter, click.Option):
                yield parameter.opts[0]
            yield values.get(parameter.name or "", "x")


def _run(arguments: list[str]) -> None:
    result = CliRunner().invoke(app, arguments)
    print(f"$ {' '.join(arguments)}\n{result.output}\n= {result.exit_code}")  # noqa: T201 - read by the test
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        print("".join(traceback.format_exception(result.exception)))  # noqa: T201 - as above


if __name__ == "__main__":
    main(*sys.argv[1:])
