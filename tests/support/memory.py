"""How much memory a process holds, and the most that a piece of work took: by Linux's counts."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

MIB = 1024 * 1024
_PROC = Path("/proc")

needs_proc = pytest.mark.skipif(
    not (_PROC / "self" / "clear_refs").exists(), reason="reads what only Linux counts"
)


def resident_bytes(pid: int | None = None) -> int:
    """What the process (this one unless named) holds in memory now."""
    return _count(pid, "VmRSS")


def peak_bytes(pid: int | None = None) -> int:
    """The most that it ever held, since its start or the last `forget_peak`."""
    return _count(pid, "VmHWM")


def forget_peak(pid: int | None = None) -> None:
    """Let the peak begin again from what is held now."""
    (_PROC / str(pid or os.getpid()) / "clear_refs").write_text("5")


def taken_by(work: Callable[[], object]) -> int:
    """How many more bytes this process held at its height while `work` ran."""
    forget_peak()
    before = resident_bytes()
    work()
    return peak_bytes() - before


def _count(pid: int | None, name: str) -> int:
    status = (_PROC / str(pid or os.getpid()) / "status").read_text("ascii")
    found = re.search(rf"{name}:\s+(\d+) kB", status)
    assert found is not None, status
    return int(found[1]) * 1024
