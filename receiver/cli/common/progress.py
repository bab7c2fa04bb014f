"""The progress of a long command, on a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from receiver.terminal.output import Output


@contextmanager
def progress(out: Output, what: str) -> Iterator[Callable[[int, int | None], None]]:
    """A bar on stderr, moved by calls with done and total; nothing where stderr is no terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    is_quiet = not out.messages.is_terminal
    with Progress(*columns, console=out.messages, transient=True, disable=is_quiet) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
