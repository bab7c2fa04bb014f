"""Where the parts of a data directory are: the embedded Valkey, and the demo's own directory.

Owns the one answer that all processes come to without asking each other.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

#: `sockaddr_un.sun_path` holds 104 bytes on macOS and 108 on Linux, the closing NUL included.
SOCKET_PATH_BYTES = 100
#: Not `tempfile.gettempdir()`: that follows TMPDIR, which may differ from process to process.
SHORT_DIRECTORY = Path("/tmp")  # noqa: S108 -- what is made in it is owner-only and checked
#: The demo's directory in a data directory.
DEMO = "demo"
#: Marks a demo's directory; earlier versions left a file of shell variables in it instead.
_DEMO_MARK = ".demo"
_EARLIER_DEMO_MARK = "env"


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


def mark_as_demo(data_dir: Path) -> None:
    """Let every process recognise this as the directory of a demo."""
    data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data_dir / _DEMO_MARK).touch(mode=0o600)
    (data_dir / _EARLIER_DEMO_MARK).unlink(missing_ok=True)


def is_demo(data_dir: Path) -> bool:
    """Whether this is the directory of a demo: invented revenue, secrets of its own."""
    return any((data_dir / mark).is_file() for mark in (_DEMO_MARK, _EARLIER_DEMO_MARK))
