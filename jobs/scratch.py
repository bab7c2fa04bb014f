"""Books laid aside on disk while a rehearsal is under way: memory is that of a step.

Owns a temporary file, which is gone with its process however that ends. Nothing in it is true.
"""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Collection, Iterable, Mapping
from typing import Self

from jobs.book import KeyBook

#: Parameters in one statement.
CHUNK = 500


class Scratch:
    """Key books by key, in a SQLite file without a name. To be used as a context manager."""

    def __init__(self) -> None:
        # Used by one task at a time, wherever its thread.
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA journal_mode=OFF")
        self._file.execute("CREATE TABLE books (outcome_key TEXT PRIMARY KEY, book BLOB)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def lay_aside(self, books: Mapping[str, KeyBook]) -> None:
        """Keep these as they are now."""
        rows = ((key, pickle.dumps(book)) for key, book in books.items())
        self._file.execute("BEGIN")
        self._file.executemany("INSERT OR REPLACE INTO books VALUES (?, ?)", rows)
        self._file.execute("COMMIT")

    def take_up(self, keys: Collection[str]) -> dict[str, KeyBook]:
        """Those of these keys that were laid aside."""
        found: dict[str, KeyBook] = {}
        for chunk in _chunks(sorted(keys)):
            marks = ",".join("?" * len(chunk))
            rows = self._file.execute(
                f"SELECT outcome_key, book FROM books WHERE outcome_key IN ({marks})",  # noqa: S608 - marks only
                chunk,
            )
            found |= {key: pickle.loads(book) for key, book in rows}  # noqa: S301 - written above, by us, into our own file
        return found


def _chunks(keys: list[str]) -> Iterable[list[str]]:
    return (keys[start : start + CHUNK] for start in range(0, len(keys), CHUNK))
