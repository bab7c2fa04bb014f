"""A command that changes money or data: who runs it, why, and the consent to it.

Owns the question and the refusal, one way for all commands. Asks on a terminal; elsewhere requires
--yes. The caller prints the counts first.
"""

from __future__ import annotations

import getpass
import sys

from receiver.cli.common.errors import MISUSE, CommandError
from receiver.terminal.output import Output


def actor() -> str:
    """The user, as recorded with an action."""
    try:
        return f"cli:{getpass.getuser()}"[:128]
    except (KeyError, OSError):  # a container's user may have no name
        return "cli"


def require_note(note: str | None, request: str) -> str:
    """The note; raises CommandError if it is missing. `request` asks for it."""
    if not (note or "").strip():
        raise CommandError(f"--note is missing; {request}", code=MISUSE)
    return note or ""


def require_consent(out: Output, question: str, *, counts: str, done: str, yes: bool) -> None:
    """Return with consent to the change; raise CommandError otherwise.

    `counts` is what would be changed, such as `3 failed deliveries`; `done` is the participle of
    the change, such as `replayed`.
    """
    if yes:
        return
    if not can_ask():
        raise CommandError(
            f"--yes is missing: {counts} would be {done}, and without a terminal no question can"
            " be asked. Add --yes, or --dry-run to see what would change",
            code=MISUSE,
        )
    if not out.confirm(question):
        raise CommandError(f"nothing was {done}")


def can_ask() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()
