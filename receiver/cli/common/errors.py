"""Exit codes, and the one clear message of an error, never a traceback.

Owns 0 success, 1 a problem, 2 misuse. An error that is not explained here is a bug: its traceback
is shown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

GOOD = 0
PROBLEM = 1
MISUSE = 2

#: The first step where there is no installation yet.
BEGIN = "make a folder of your own with `receiver init DIR`, or go to the one you have"

P = ParamSpec("P")
R = TypeVar("R")


class CommandError(Exception):
    """A problem that one message explains; `code` is what the command exits with."""

    def __init__(self, message: str, *, code: int = PROBLEM) -> None:
        super().__init__(message)
        self.code = code


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """The command; a known error ends it with a message on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            raise  # the reader of the output has gone; typer ends quietly
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except CommandError as error:
            raise _exit(str(error), error.code) from error
        except Exception as error:
            # Imported late: most commands succeed, and --help does not need it.
            from receiver.cli.common.explanations import explanation

            explained_error = explanation(error)
            if explained_error is None:
                raise
            raise _exit(str(explained_error), explained_error.code) from error

    return run


def _exit(message: str, code: int) -> typer.Exit:
    # Imported late, as above.
    from receiver.terminal.output import Output

    Output().say(f"receiver: {message}")
    return typer.Exit(code)
