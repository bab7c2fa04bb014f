"""The secrets of sources: names in mapping files, values from the environment or files.

Owns looking them up. Refuses to show them: no value is in a repr, a log line or an error.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

import structlog

from receiver.config.data_dir import is_demo
from receiver.config.env_file import read_env_file
from receiver.config.settings import ENV_FILE, Settings

log = structlog.get_logger(__name__)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
LONGEST_SECRET_BYTES = 64 * 1024


class Secrets:
    """Values by name: from the environment, else a file, else `.env`, else learnt, else made.

    Learnt secrets are those that vendors sent while they were set up: `learn` takes them, from the
    database; `paired` is the folder in which earlier versions kept them. `made` is the folder of
    throw-away secrets that `receiver up` makes. Any of them may be absent.

    Files are read by `reload` and kept until the next one; the environment is taken once. An
    empty value counts as none.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str] | None = None,
        directory: Path | None = None,
        env_file: Path | None = None,
        made: Path | None = None,
        paired: Path | None = None,
    ) -> None:
        self._environ = dict(os.environ if environ is None else environ)
        self._directory = directory
        self._env_file = env_file
        self._made = made
        self._paired = paired
        self._files: dict[str, str] = {}
        self._throwaway: dict[str, str] = {}
        self._learnt: dict[str, str] = {}
        self._learnt_before: frozenset[str] = frozenset()
        self._set_by_hand: frozenset[str] = frozenset()
        self._unreadable: frozenset[Path] = frozenset()
        self._empty: frozenset[str] = frozenset()
        self.reload()

    def get(self, name: str) -> str | None:
        """The value, or None where there is none."""
        return self._environ.get(name) or self._files.get(name) or None

    def is_empty(self, name: str) -> bool:
        """Whether the name is there, without a value: an empty file or variable."""
        if self.get(name) is not None:
            return False
        return name in self._empty or self._environ.get(name) == ""

    @property
    def unreadable(self) -> frozenset[Path]:
        """The files and folders that the last reload could not read."""
        return self._unreadable

    def may_be_paired(self, name: str) -> bool:
        """Whether a paired secret of that name would be the one in use."""
        return not self._environ.get(name) and name not in self._set_by_hand

    def is_throwaway(self, name: str) -> bool:
        """Whether the value is the one that `receiver up` made, wherever it is set now."""
        return name in self._throwaway and self._throwaway[name] == self.get(name)

    def was_learnt(self, name: str) -> bool:
        """Whether a vendor sent the secret of that name while it was set up."""
        return name in self._learnt or name in self._learnt_before

    def is_kept_elsewhere(self, name: str) -> bool:
        """Whether the secret of that name is set by hand, or learnt in a file of this machine."""
        return not self.may_be_paired(name) or name in self._learnt_before

    def learn(self, values: Mapping[str, str]) -> bool:
        """Use these as the learnt ones; whether anything changed."""
        self._learnt = dict(values)
        return self.reload()

    def reload(self) -> bool:
        """Read the files again; whether anything changed. A file under way counts as missing."""
        unreadable: set[Path] = set()
        empty: set[str] = set()
        found: dict[str, str] = {}
        if self._made is not None and self._made.is_dir():
            self._throwaway = _read_folder(self._made, unreadable, empty)
            found |= self._throwaway
        if self._paired is not None and self._paired.is_dir():
            before = _read_folder(self._paired, unreadable, empty)
            self._learnt_before = frozenset(before)
            found |= before
        found |= self._learnt
        by_hand = self._read_env_file(unreadable, empty)
        if self._directory is not None:
            by_hand |= _read_folder(self._directory, unreadable, empty)
        self._set_by_hand = frozenset(by_hand)
        found |= by_hand
        self._warn_of_unreadable(frozenset(unreadable))
        changed = found != self._files or empty != self._empty
        self._files, self._empty = found, frozenset(empty)
        return changed

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._files)} from files>"

    def _read_env_file(self, unreadable: set[Path], empty: set[str]) -> dict[str, str]:
        if self._env_file is None or not self._env_file.is_file():
            return {}
        try:
            values = read_env_file(self._env_file)
        except (OSError, ValueError):
            unreadable.add(self._env_file)
            return {}
        empty |= {name for name, value in values.items() if not value}
        return {name: value for name, value in values.items() if value}

    def _warn_of_unreadable(self, unreadable: frozenset[Path]) -> None:
        """Log each unreadable file once."""
        for path in sorted(unreadable - self._unreadable):
            log.warning("secrets.unreadable", path=str(path))
        self._unreadable = unreadable


def secrets_of(settings: Settings) -> Secrets:
    """The secrets where these settings say they are.

    The demo has its own: those of a real source are in the environment of many terminals.
    """
    if is_demo(settings.data_dir):
        return Secrets(environ={}, directory=settings.secrets_dir, made=settings.made_secrets_dir)
    return Secrets(
        directory=settings.secrets_dir,
        env_file=ENV_FILE,
        made=settings.made_secrets_dir,
        paired=settings.paired_secrets_dir,
    )


def _read_folder(folder: Path, unreadable: set[Path], empty: set[str]) -> dict[str, str]:
    """The folder's secrets by name; adds what cannot be read to `unreadable`, likewise `empty`."""
    values: dict[str, str] = {}
    try:
        paths = [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    except OSError:
        unreadable.add(folder)
        return values
    for path in paths:
        try:
            value = _read(path)
        except (OSError, ValueError):
            unreadable.add(path)
        else:
            if value:
                values[path.name] = value
            elif value is not None:
                empty.add(path.name)
    return values


def _read(path: Path) -> str | None:
    """The file's text without its trailing line break; None for what is no file."""
    if not path.is_file():
        return None
    with path.open("rb") as file:
        data = file.read(LONGEST_SECRET_BYTES + 1)
    if len(data) > LONGEST_SECRET_BYTES:
        raise ValueError
    return data.decode("utf-8").removesuffix("\n").removesuffix("\r")
