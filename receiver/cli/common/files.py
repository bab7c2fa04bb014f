"""Files that a command writes: new ones alone, never over what is there."""

from __future__ import annotations

import os
from pathlib import Path

from receiver.cli.common.errors import CommandError

ORDINARY = 0o666
OWNER_ONLY = 0o600


def write_new(path: Path, body: bytes, *, mode: int = ORDINARY) -> None:
    """Write a new file, and the folders that lead to it. CommandError if it exists."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise CommandError(f"{path.parent} is not a folder; nothing was written to it") from None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise CommandError(f"{path} exists already; nothing is overwritten") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
