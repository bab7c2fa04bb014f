"""The progress of a long command, on a terminal."""

from __future__ import annotations

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from receiver.terminal.output import Output


def progress_bar(out: Output) -> Progress:
    """A bar on stderr while the command runs; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_quiet = not out.messages.is_terminal
    return Progress(*columns, console=out.messages, transient=True, disable=is_quiet)
