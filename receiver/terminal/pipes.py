"""Standard output and error into a pipe whose reader may go, as in `receiver events | head`.

Owns that such a command ends quietly with exit code 0, whatever it was printing, and that a service
outlives the reader of its log.
"""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
from pathlib import Path
from typing import Any, TextIO


class Pipe(io.FileIO):
    """One end of a pipe; without a reader the first write ends the command, or nothing does."""

    def __init__(self, descriptor: int, *, ends_command: bool) -> None:
        super().__init__(descriptor, "w", closefd=False)
        self._ends_command = ends_command
        self._is_read = True

    def write(self, data: Any) -> int:
        """Write to the reader; without one drop the data. Raises SystemExit the first time."""
        if self._is_read:
            try:
                return super().write(data) or 0
            except BrokenPipeError:
                self._is_read = False
                if self._ends_command:
                    raise SystemExit(0) from None
        return len(data)


def open_closed() -> None:
    """Open standard input, output and error where they are closed, as after `<&-`.

    Otherwise the next file or socket takes their number, and is written to.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("r+", encoding="utf-8"))  # noqa: SIM115 - stays open


def expect_readers_to_go() -> None:
    """Take standard output and error over, where they are pipes."""
    sys.stdout = _expecting(sys.stdout, ends_command=True)
    sys.stderr = _expecting(sys.stderr, ends_command=False)


def flush() -> None:
    """Write what is left, so that the interpreter finds nothing to complain of at its end."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(SystemExit, ValueError):
            stream.flush()


def _expecting(stream: TextIO, *, ends_command: bool) -> TextIO:
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError, AttributeError):
        return stream
    if not stat.S_ISFIFO(mode) and not stat.S_ISSOCK(mode):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(Pipe(descriptor, ends_command=ends_command)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=not ends_command,
    )
