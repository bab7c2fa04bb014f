"""One live `receiver up` a data directory.

Owns the lock file. The kernel frees the lock when its holder dies, however it dies, so a new
`up` takes over from a killed one without asking.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from receiver.local.errors import UpError

LOCK = "up.lock"
#: `is_held` takes the lock for a moment: a refusal waits longer than that.
TRIES = 5
PAUSE_SECONDS = 0.05


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process; UpError names the process that has it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        pauses = (0.0, *[PAUSE_SECONDS] * (TRIES - 1))
        if not any(_taken(descriptor, fcntl.LOCK_EX, pause=pause) for pause in pauses):
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise UpError(
                f"`receiver up` already runs on {data_dir.absolute()} (process {holder}); "
                "stop it, or set RECEIVER_DATA_DIR to another directory"
            )
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)


def is_held(data_dir: Path) -> bool:
    """Whether a live `receiver up` holds the data directory."""
    try:
        descriptor = os.open(data_dir / LOCK, os.O_RDONLY)
    except OSError:
        return False
    try:
        return not _taken(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _taken(descriptor: int, lock: int, *, pause: float = 0.0) -> bool:
    """Whether the lock is this process's after the pause."""
    time.sleep(pause)
    try:
        fcntl.flock(descriptor, lock | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
