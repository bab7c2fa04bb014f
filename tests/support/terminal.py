"""A terminal of so many columns, for commands that run in the process of a test."""

from __future__ import annotations

import re

import pytest

#: What turns colours on and off.
_STYLES = re.compile(r"\x1b\[[0-9;]*m")


def be_terminal(patch: pytest.MonkeyPatch, columns: int) -> None:
    """Let standard output and error pass for a terminal of this width."""
    for name, value in {"TTY_COMPATIBLE": "1", "COLUMNS": str(columns), "NO_COLOR": "1"}.items():
        patch.setenv(name, value)


def unstyled(text: str) -> str:
    """The text without colours."""
    return _STYLES.sub("", text)
