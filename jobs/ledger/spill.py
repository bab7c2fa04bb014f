"""Key books spilled to disk, so that a dry run of any length takes little memory.

Owns a temporary file that is deleted when it is closed, apart from the service's database.
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
    """Keeps a value for each key until it is closed."""

    def __init__(self) -> None:
        # Without a name SQLite makes a temporary file and deletes it on close.
        # One task at a time uses it, from any thread.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("PRAGMA synchronous=OFF")
        self._file.execute("CREATE TABLE spilled (key TEXT PRIMARY KEY, value BLOB NOT NULL)")

    def close(self) -> None:
        """Delete the file."""
        self._file.close()

    def take(self, keys: Iterable[str]) -> dict[str, T]:
        """The values of those of these keys that have one."""
        values: dict[str, T] = {}
        for chunk in chunks(keys, _CHUNK):
            marks = ",".join("?" * len(chunk))
            rows = self._file.execute(
                f"SELECT key, value FROM spilled WHERE key IN ({marks})",  # noqa: S608 - marks alone
                chunk,
            )
            # This process alone writes and reads the file.
            values.update((key, pickle.loads(value)) for key, value in rows)  # noqa: S301
        return values

    def put(self, values: Mapping[str, T]) -> None:
        """Store these values, replacing earlier ones of their keys."""
        self._file.execute("BEGIN")
        self._file.executemany(
            "INSERT OR REPLACE INTO spilled VALUES (?, ?)",
            ((key, pickle.dumps(value)) for key, value in values.items()),
        )
        self._file.execute("COMMIT")
