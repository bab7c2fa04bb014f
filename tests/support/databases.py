"""The database of a running service, looked at and disturbed from outside of it."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from tests.support.postgres import Postgres


class Outside(Protocol):
    """What a test may do to a database without asking the service."""

    @property
    def url(self) -> str:
        """As `RECEIVER_DATABASE_URL` takes it."""
        ...

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        """What a query finds, every value as text, NULL as empty text."""
        ...

    def away(self) -> contextlib.AbstractContextManager[None]:
        """Inside, no commit succeeds; afterwards all is as before."""
        ...

    def can_be_written(self) -> bool:
        """Whether no one holds up other writers for longer than a moment."""
        ...

    def close(self) -> None: ...


class SqliteFile:
    """A SQLite database in a directory; `away` holds its one write lock."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / "receiver.db"
        self.url = f"sqlite+aiosqlite:///{self._path}"

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        with contextlib.closing(self._connect()) as connection:
            found = connection.execute(statement).fetchall()
        return [tuple("" if value is None else str(value) for value in row) for row in found]

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        with contextlib.closing(self._connect()) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")

    def can_be_written(self) -> bool:
        with contextlib.closing(self._connect(seconds=0.5)) as connection:
            try:
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    def close(self) -> None:
        """Its directory goes with the test's."""

    def _connect(self, *, seconds: float = 10) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=seconds, isolation_level=None)


class PostgresDatabase:
    """A database of the session's PostgreSQL; `away` freezes the server, connections open."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.name = server.create()
        self.url = server.url(self.name)

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        answer = self.server.sql(self.name, statement)
        return [tuple(line.split("|")) for line in answer.splitlines()]

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self.server.freeze()
        try:
            yield
        finally:
            self.server.thaw()

    def session(self) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        """Another client's transactions: a psql that stays open inside."""
        return self.server.session(self.name)

    def can_be_written(self) -> bool:
        """Always: a writer holds up those of its own rows only."""
        return True

    def close(self) -> None:
        self.server.drop(self.name)
