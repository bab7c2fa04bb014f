"""Commands that run within the test's own process."""

from __future__ import annotations

import functools

import typer.main
import typer.testing
from typer.testing import CliRunner

__all__ = ["CliRunner"]

# Typer builds all commands again for each run, which takes longer than most of them run.
typer.testing._get_command = functools.cache(  # type: ignore[attr-defined]
    typer.main.get_command
)
