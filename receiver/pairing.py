"""Set-up windows: a secret that a vendor sends unsigned is taken only while one is open, and once.

Owns the files of a window, all of them readable by their owner only. Refuses a secret without a
window, after it, and a second time: whoever comes later could be anybody.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
#: Nobody's honest secret is longer.
LONGEST_SECRET = 4096


@dataclass(frozen=True, slots=True)
class Window:
    """Until `until` (seconds since 1970) a secret is taken for `source` and kept as `secret`.

    `secret` None means that there is only something to show.
    """

    source: str
    secret: str | None
    until: float


class Pairing:
    """The windows of all sources, as files in `folder`; learnt secrets as files in `secrets`."""

    def __init__(self, *, folder: Path, secrets: Path) -> None:
        self._folder = folder
        self._secrets = secrets

    def open(self, window: Window) -> None:
        """Open the window; one that was open for the source before is replaced."""
        self._path(window.source, "taken").unlink(missing_ok=True)
        content = {"secret": window.secret, "until": window.until}
        _write(self._path(window.source, "open"), json.dumps(content))

    def close(self, source: str) -> None:
        """Close the window, if there is one."""
        self._path(source, "open").unlink(missing_ok=True)

    def take(
        self, source: str, *, learnt: str | None, shown: Mapping[str, str], now: float
    ) -> Window | None:
        """Keep what came through the open window and close it; None where none is open.

        Of several processes that try, one gets through.
        """
        if learnt is not None and not _is_a_secret(learnt):
            return None
        opened, claimed = self._path(source, "open"), self._path(source, f"{os.getpid()}.claimed")
        try:
            opened.rename(claimed)
        except FileNotFoundError:
            return None
        try:
            window = _window(source, claimed.read_text("utf-8"))
            if window is None or now >= window.until:
                return None
            if window.secret and learnt is not None:
                _write(self._secrets / window.secret, learnt + "\n")
            _write(self._path(source, "taken"), json.dumps(dict(shown)))
            return window
        finally:
            claimed.unlink(missing_ok=True)

    def taken(self, source: str) -> dict[str, str] | None:
        """What the vendor sent for the operator to see; None while nothing has come."""
        try:
            shown: dict[str, str] = json.loads(self._path(source, "taken").read_text("utf-8"))
        except FileNotFoundError:
            return None
        return shown

    def kept_in(self, secret: str) -> Path:
        """Where a learnt secret of that name is kept."""
        return self._secrets / secret

    def _path(self, source: str, suffix: str) -> Path:
        if not _SOURCE.fullmatch(source):
            raise ValueError("no name of a source")
        return self._folder / f"{source}.{suffix}"


def _window(source: str, text: str) -> Window | None:
    try:
        content = json.loads(text)
        return Window(source, content["secret"], float(content["until"]))
    except (ValueError, KeyError, TypeError):
        return None


def _is_a_secret(text: str) -> bool:
    return 0 < len(text) <= LONGEST_SECRET and text.isprintable() and text.isascii()


def _write(path: Path, text: str) -> None:
    """Write the file whole and for its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.parent.chmod(0o700)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
