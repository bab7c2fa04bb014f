"""What a running `receiver up` was started with, for commands in other terminals.

Owns the file `up.json` in the data directory, readable by its owner only: `up` writes it once it is
up, and removes it at its end. A file that a killed `up` left counts for nothing: the lock is free.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from receiver.config.data_dir import is_demo
from receiver.config.settings import Settings
from receiver.local.lock import is_held

FILE = "up.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningService:
    """A live `receiver up`: its process id, and its settings with every default filled in."""

    pid: int
    settings: Settings = field(repr=False)

    @property
    def is_demo(self) -> bool:
        return is_demo(self.settings.data_dir)

    @property
    def name(self) -> str:
        """What to call it in a sentence."""
        command = "receiver up --demo" if self.is_demo else "receiver up"
        return f"`{command}` on {self.settings.data_dir} (process {self.pid})"


def announce(settings: Settings, url: str) -> None:
    """Let commands find this process; `url` is where its web process listens."""
    whole = settings.model_copy(
        update={
            "data_dir": settings.data_dir.absolute(),
            "database_url": settings.database,
            "mappings": settings.mappings.absolute(),
            "port": urlsplit(url).port or settings.port,
            "redis_url": settings.redis,
            "secrets_dir": settings.secrets_dir and settings.secrets_dir.absolute(),
        }
    )
    document = {"pid": os.getpid(), "settings": whole.model_dump(mode="json")}
    path = settings.data_dir / FILE
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(document, file)
    new.replace(path)


def withdraw(data_dir: Path) -> None:
    """Remove what was announced, by this process or by one that was killed."""
    for name in (FILE, Path(FILE).with_suffix(".new").name):
        (data_dir / name).unlink(missing_ok=True)


def running_service(data_dir: Path) -> RunningService | None:
    """The service that runs on this data directory, as far as this user may know of it."""
    if not is_held(data_dir):
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        document = json.loads((data_dir / FILE).read_text("utf-8"))
        settings = Settings(_env_file=None, **document["settings"])
        return RunningService(pid=int(document["pid"]), settings=settings)
    return None
