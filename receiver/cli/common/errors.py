"""Exit codes, and the one clear message of an error, never a traceback.

Owns 0 success, 1 a problem, 2 misuse. An error that is not explained here is a bug: its traceback
is shown.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

GOOD = 0
PROBLEM = 1
MISUSE = 2

#: The first step where there is no installation yet.
BEGIN = "make a folder of your own with `receiver init DIR`, or go to the one you have"


class CommandError(Exception):
    """A problem that one message explains; `code` is what the command exits with."""

    def __init__(self, message: str, *, code: int = PROBLEM) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def explained() -> Iterator[None]:
    """A known error within ends the command with a message on stderr and an exit code."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader of the output has gone; typer ends quietly
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except Exception as error:
        # Imported late: most commands succeed, and --help does not need it.
        from receiver.cli.common.explanations import explanation
        from receiver.terminal.output import Output

        known = error if isinstance(error, CommandError) else explanation(error)
        if known is None:
            raise
        Output().say(f"receiver: {known}")
        raise typer.Exit(known.code) from error
