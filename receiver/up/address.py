"""Where the embedded Valkey of a data directory is.

Owns the one answer that `up`, `serve` and `work` come to without asking each other.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: `sockaddr_un.sun_path` holds 104 bytes on macOS and 108 on Linux, the closing NUL included.
SOCKET_PATH_BYTES = 100
#: Not `tempfile.gettempdir()`: that follows TMPDIR, which may differ from process to process.
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108 -- what is made in it is owner-only and checked


def socket_path(data_dir: Path) -> Path:
    """Where the Valkey of this data directory listens: the same answer in every process.

    Inside the data directory; where that makes the path too long for a socket, in a short
    directory named after it.
    """
    path = data_dir.absolute() / "valkey.sock"
    if len(os.fsencode(path)) <= SOCKET_PATH_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(data_dir.absolute())).hexdigest()[:16]
    return SHORT_DIRECTORY / f"receiver-{os.getuid()}-{name}" / "valkey.sock"


def redis_url(data_dir: Path) -> str:
    """The address of this data directory's Valkey, as `RECEIVER_REDIS_URL` would be written."""
    return f"unix://{socket_path(data_dir)}"
