"""Exit codes, and how a problem is said: one clear message, never a traceback.

Owns 0 good, 1 a problem found, 2 misuse. What is not explained here is a bug and stays loud.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import typer

GOOD = 0
PROBLEM = 1
MISUSE = 2

#: What every command leads to where there is nothing to work with.
BEGIN = "make a folder of your own with `receiver init DIR`, or go to the one you have"

P = ParamSpec("P")
R = TypeVar("R")


class CommandError(Exception):
    """A problem that one message explains; `code` is what the command exits with."""

    def __init__(self, message: str, *, code: int = PROBLEM) -> None:
        super().__init__(message)
        self.code = code


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """A command whose known problems end in a message on stderr and an exit code."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except BrokenPipeError:
            raise  # whoever read our output has gone; typer ends quietly
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except CommandError as error:
            raise _exit(str(error), error.code) from error
        except Exception as error:
            # Imported late: most commands end well, and --help needs none of it.
            from receiver.cli.common.explanations import explanation

            said = explanation(error)
            if said is None:
                raise
            raise _exit(str(said), said.code) from error

    return run


def _exit(message: str, code: int) -> typer.Exit:
    # Imported late, as above.
    from receiver.terminal.output import Output

    Output().say(f"receiver: {message}")
    return typer.Exit(code)
