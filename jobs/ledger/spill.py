"""Key books put aside on disk, so that a rehearsal of any length takes little memory.

Owns a file of its own that is gone with it, and is no part of the service's database.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Generic, TypeVar

from jobs.storage.batching import chunks

T = TypeVar("T")

_CHUNK = 500


class Spill(Generic[T]):
    """Keeps a thing for each key until it is closed."""

    def __init__(self) -> None:
        # Without a name SQLite makes a temporary file, and removes it when it is closed.
        # Used by one task at a time, in whatever thread.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.execute("CREATE TABLE things (key TEXT PRIMARY KEY, thing BLOB NOT NULL)")

    def close(self) -> None:
        """Forget all."""
        self._file.close()

    def take(self, keys: Iterable[str]) -> dict[str, T]:
        """What was put aside for these keys, where anything was."""
        found: dict[str, T] = {}
        for chunk in chunks(keys, _CHUNK):
            marks = ",".join("?" * len(chunk))
            rows = self._file.execute(
                f"SELECT key, thing FROM things WHERE key IN ({marks})",  # noqa: S608 - marks alone
                chunk,
            )
            # What is read here was written by this process, into a file that nobody else sees.
            found.update((key, pickle.loads(thing)) for key, thing in rows)  # noqa: S301
        return found

    def put(self, things: Mapping[str, T]) -> None:
        """Put these aside, in place of what was there for their keys."""
        self._file.execute("BEGIN")
        self._file.executemany(
            "INSERT OR REPLACE INTO things VALUES (?, ?)",
            ((key, pickle.dumps(thing)) for key, thing in things.items()),
        )
        self._file.execute("COMMIT")
