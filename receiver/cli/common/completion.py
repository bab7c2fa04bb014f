"""Shell completion of option values and arguments.

Owns that completion is silent: if settings, mappings or database cannot be read, it offers nothing
and prints nothing. `receiver.cli.common.choices` is imported once a value is completed.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import warnings
from collections.abc import Callable
from typing import Any

from typer._click.shell_completion import CompletionItem

Complete = Callable[[Any, str], list[CompletionItem]]


def complete(command: Any) -> None:
    """Complete the values of the parameters for which there are choices."""
    for parameter in command.params:
        names = (f"{command.name} {parameter.name}", parameter.name)
        parameter.shell_complete = _completer(names, otherwise=parameter.shell_complete)


def _completer(names: tuple[str, ...], *, otherwise: Complete) -> Complete:
    """What completes the parameter that has one of these names in the table of choices."""

    def items(context: Any, incomplete: str) -> list[CompletionItem]:
        table = importlib.import_module("receiver.cli.common.choices").CHOICES
        choices = next(filter(None, map(table.get, names)), None)
        if choices is None:
            return otherwise(context, incomplete)
        *before, last = incomplete.split(",")
        start = "".join(f"{value}," for value in before)
        silence = io.StringIO()
        with (
            contextlib.redirect_stderr(silence),
            contextlib.redirect_stdout(silence),
            warnings.catch_warnings(),
            contextlib.suppress(Exception),
        ):
            values = {value for value in choices(last) if value.startswith(last)}
            return [CompletionItem(start + value) for value in sorted(values)]
        return []

    return items
