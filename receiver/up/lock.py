"""One live `receiver up` a data directory.

Owns the lock file. The kernel frees the lock when its holder dies, however it dies, so a new
`up` takes over from a killed one without asking.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from receiver.up.errors import AlreadyUpError


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Hold the data directory for this process; AlreadyUpError names the process that has it."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(data_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
            raise AlreadyUpError(
                f"`receiver up` already runs on {data_dir.absolute()} (process {holder}); "
                "stop it, or set RECEIVER_DATA_DIR to another directory"
            ) from None
        os.truncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(descriptor)
