"""A command of the table in `receiver.cli.app`, and the group of all of them.

Owns that a command's module, with the database or the server behind it, is imported only once the
command runs. Help, completion and the parser need its docstring, its EXAMPLES and the signature of
its function: these are read off the source. Owns the layout of `--help` on a narrow terminal, and
the two examples at its end.
"""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import inspect
import re
import shutil
from functools import cached_property
from pathlib import Path
from types import CodeType
from typing import Any

import typer.core
import typer.main
from typer.models import CommandInfo

from receiver.cli.common.completion import complete
from receiver.cli.common.errors import explained
from receiver.cli.common.options import expanded
from receiver.terminal.layout import wrapped_command

FOLDER = Path(__file__).parents[1]
#: What a signature is written with: a command imports it from these modules.
SIGNATURE_MODULES = ("__future__", "pathlib", "receiver.cli.common", "typing", "typer")
#: On a narrower terminal the frames with their columns would cut off names of options.
FRAMED = 80
#: More characters than the first sentence of any command's help.
UNCUT = 1_000


class _OutlineLoader(importlib.machinery.SourceFileLoader):
    """Loads a command's module without what only the body of its function needs."""

    def get_code(self, fullname: str) -> CodeType:
        """The code of the imports, the examples and the function with its signature."""
        tree = ast.parse(self.get_data(self.get_filename(fullname)))
        tree.body = [node for node in tree.body if self._is_declared_by(node)]
        return self.source_to_code(tree, self.get_filename(fullname))

    def _is_declared_by(self, node: ast.stmt) -> bool:
        match node:
            case ast.Import(names=[ast.alias(name=module)]) | ast.ImportFrom(module=module):
                return module in SIGNATURE_MODULES
            case ast.Assign(targets=[ast.Name(id="EXAMPLES")]):
                return True
            case ast.FunctionDef(name=name):
                return name == self.name
            case _:
                return False


class Command(typer.core.TyperCommand):
    """A module `receiver.cli.NAME`: its docstring is the help, its function NAME the command."""

    def __init__(self, name: str, *, panel: str) -> None:
        # `try` is a keyword of Python.
        self._module_name = "try_" if name == "try" else name
        self._source = (FOLDER / f"{self._module_name}.py").read_text("utf-8")
        docstring = inspect.cleandoc(self._source.split('"""', 2)[1])
        # The terminal breaks the lines of a paragraph, not the source.
        text = re.sub(r"(?<!\n)\n(?!\n)", " ", docstring)
        super().__init__(name, help=text, rich_help_panel=panel)

    @cached_property
    def _outline(self) -> dict[str, Any]:
        """The module without what only its function's body needs."""
        loader = _OutlineLoader(self._module_name, str(FOLDER / f"{self._module_name}.py"))
        spec = importlib.util.spec_from_loader(self._module_name, loader)
        assert spec is not None  # noqa: S101 - the loader is given
        module = importlib.util.module_from_spec(spec)
        loader.exec_module(module)
        return vars(module)

    @property
    def examples(self) -> tuple[str, str]:
        """Two command lines, as `--help` shows them."""
        first, second = self._outline["EXAMPLES"]
        return first, second

    def _run(self, **values: Any) -> None:
        module = importlib.import_module(f"receiver.cli.{self._module_name}")
        getattr(module, self._module_name)(**values)

    @cached_property
    def _declared(self) -> Any:
        """The command as typer reads it off the function's signature."""
        command = typer.main.get_command_from_info(
            CommandInfo(
                self.name, callback=expanded(self._outline[self._module_name], run=self._run)
            ),
            pretty_exceptions_short=False,
            rich_markup_mode=self.rich_markup_mode,
        )
        complete(command)
        return command

    @property
    def params(self) -> list[Any]:
        """The parameters of the function."""
        parameters: list[Any] = self._declared.params
        return parameters

    @params.setter
    def params(self, _: object) -> None:
        """Ignore what the base class sets: the function alone declares parameters."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a known error ends it with a message and an exit code."""
        with explained():
            return self._declared.invoke(ctx)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help; an example too long for the terminal continues after a backslash."""
        columns = shutil.get_terminal_size().columns
        mode = self.rich_markup_mode
        if columns < FRAMED:
            self.rich_markup_mode = None
            formatter.width = columns - 1
        try:
            super().format_help(ctx, formatter)
        finally:
            self.rich_markup_mode = mode
        formatter.write("\nExamples:\n")
        for example in self.examples:
            for line in wrapped_command(example, columns, indent=2):
                formatter.write(f"{line}\n")


class Group(typer.core.TyperGroup):
    """All commands, by purpose."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the list of commands; without frames on a narrow terminal."""
        columns = shutil.get_terminal_size().columns
        if columns >= FRAMED:
            super().format_help(ctx, formatter)
            return
        formatter.width = columns - 1
        self.format_usage(ctx, formatter)
        self.format_help_text(ctx, formatter)
        panels: dict[str, list[tuple[str, str]]] = {}
        for parameter in self.get_params(ctx):
            if record := parameter.get_help_record(ctx):
                panels.setdefault("Options", []).append(record)
        for name, command in self.commands.items():
            panel = getattr(command, "rich_help_panel", None) or "Commands"
            panels.setdefault(panel, []).append((name, command.get_short_help_str(UNCUT)))
        for panel, lines in panels.items():
            with formatter.section(panel):
                formatter.write_dl(lines)
