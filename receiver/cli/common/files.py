"""Files that a command writes: new ones alone, never over what is there."""

from __future__ import annotations

import os
from pathlib import Path

from receiver.cli.common.errors import Trouble

ORDINARY = 0o666
OWNER_ONLY = 0o600


def write_new(path: Path, body: bytes, *, mode: int = ORDINARY) -> None:
    """Write a file that is not there yet, with the folders that lead to it. Trouble if it is."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise Trouble(f"{path.parent} is not a folder; nothing was written to it") from None
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        raise Trouble(f"{path} exists already; nothing is overwritten") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(body)
