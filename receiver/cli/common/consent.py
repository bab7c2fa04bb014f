"""Consent: a command that changes money or data asks on a terminal; elsewhere it needs --yes.

Owns the question and the refusal, one way for all commands. The caller prints the counts first.
"""

from __future__ import annotations

import sys

from receiver.cli.common.errors import MISUSE, Trouble
from receiver.terminal.output import Output


def require_consent(out: Output, question: str, *, counts: str, done: str, yes: bool) -> None:
    """Return if the change is agreed to; raise Trouble otherwise, and exit 2 without a terminal.

    `counts` is what would be changed, such as `3 failed deliveries`; `done` is the participle of
    the change, such as `replayed`.
    """
    if yes:
        return
    if not can_ask():
        raise Trouble(
            f"--yes is missing: {counts} would be {done}, and without a terminal no question can"
            " be asked. Add --yes, or --dry-run to see what would change",
            code=MISUSE,
        )
    if not out.confirm(question):
        raise Trouble(f"nothing was {done}")


def can_ask() -> bool:
    """Whether standard input is a terminal."""
    return sys.stdin is not None and sys.stdin.isatty()
