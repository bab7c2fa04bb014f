"""Access to the database: engine, transactions, time, durability.

Owns the differences between SQLite and PostgreSQL, so that no other module checks for them.
Refuses a database that would acknowledge a commit it may lose in a power cut.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Interval,
    LargeBinary,
    Table,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite as sqlite_dialect
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jobs.common.errors import DatabaseUnsuitable
from jobs.storage import sqlite
from jobs.storage.columns import UtcDateTime
from jobs.storage.lost_connections import notice_silence

#: How long one statement may take before its connection counts as lost.
STATEMENT_SECONDS = 30
#: How long PostgreSQL keeps an idle transaction: a process frozen within one would block, with its
#: locks, all others that need the same rows.
SILENT_SECONDS = 10
#: Connections that are not closed by then are left to the end of the process.
CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Database:
    """An engine and the few things that differ by dialect."""

    engine: AsyncEngine

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that will write: on SQLite it takes the write lock at once."""
        async with self.engine.connect() as bare:
            connection = await bare.execution_options(sqlite_begin="IMMEDIATE")
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads."""
        async with self.engine.connect() as connection, connection.begin():
            yield connection

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[AsyncConnection]:
        """A transaction that only reads, and whose statements all see the same moment.

        SQLite's WAL gives that to every read transaction, PostgreSQL when asked.
        """
        async with self.engine.connect() as connection:
            if not self.is_sqlite:
                await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
            async with connection.begin():
                yield connection

    async def ensure_writable(self, table: Table) -> None:
        """Raise where another transaction has the table locked; changes nothing.

        SQLite has no such locks: one writer has all tables, and the next one waits.
        """
        if not self.is_sqlite:
            async with self.read() as connection:
                await connection.execute(text(f"LOCK TABLE {table.name} IN ROW EXCLUSIVE MODE"))

    async def limit_locks(self, connection: AsyncConnection, seconds: float) -> None:
        """Bound this transaction's wait for each lock of another, where rows have locks."""
        if not self.is_sqlite:
            await connection.execute(text(f"SET LOCAL lock_timeout = {seconds * 1000:.0f}"))

    def insert_or_skip(self, table: Table) -> Any:
        """INSERT … ON CONFLICT DO NOTHING for this dialect; `.returning()` gives what was new."""
        insert = sqlite_dialect.insert if self.is_sqlite else postgresql.insert
        return insert(table).on_conflict_do_nothing()

    def upsert(
        self,
        table: Table,
        *,
        key: list[str],
        values: dict[str, Any],
        adding: Sequence[str] = (),
    ) -> Insert:
        """INSERT of one row, or UPDATE of all but its key where it exists.

        The numbers in the columns `adding` are added to what stands there.
        """
        insert = sqlite_dialect.insert if self.is_sqlite else postgresql.insert
        changed = {
            name: table.c[name] + value if name in adding else value
            for name, value in values.items()
            if name not in key
        }
        return insert(table).values(values).on_conflict_do_update(index_elements=key, set_=changed)

    def now(self, *, plus_seconds: float = 0.0) -> ColumnElement[Any]:
        """The database's own time, so that processes with skewed clocks agree on waiting."""
        if self.is_sqlite:
            shift = f"{plus_seconds:+.3f} seconds"
            return func.strftime("%Y-%m-%d %H:%M:%f000", "now", shift, type_=UtcDateTime)
        interval = literal(timedelta(seconds=plus_seconds), Interval)
        return func.clock_timestamp(type_=UtcDateTime) + interval

    def transaction_time(self) -> ColumnElement[Any]:
        """The database's own time, the same for all rows that a transaction inserts at once."""
        if self.is_sqlite:
            return self.now()
        return func.now(type_=UtcDateTime)

    async def time(self, connection: AsyncConnection) -> datetime:
        """The database's time now, to the microsecond; SQLite's is this machine's clock."""
        if self.is_sqlite:
            return datetime.now(UTC)
        now: datetime = (await connection.execute(select(self.now()))).scalar_one()
        return now

    def holds(self, column: ColumnElement[Any], part: bytes) -> ColumnElement[bool]:
        """Whether `part` is somewhere in the bytes of the column."""
        find = func.instr if self.is_sqlite else func.pg_catalog.position
        return find(column, literal(part, LargeBinary)) > 0

    async def forget_removed(self) -> bool:
        """Remove deleted rows from SQLite's journal too; return False while a reader needs them.

        The journal keeps every page as it was, until a later one happens to overwrite it. On
        PostgreSQL this is left to VACUUM.
        """
        if not self.is_sqlite:
            return True
        async with self.engine.connect() as connection:
            return await sqlite.empty_journal(connection)

    async def close(self) -> None:
        """Close all connections; a database that does not answer is not waited for."""
        closing = asyncio.create_task(self.engine.dispose())
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)
        if closing.done():
            closing.result()
        else:
            closing.cancel()


def open_database(
    url: str,
    *,
    pool_size: int = 10,
    statement_seconds: float = STATEMENT_SECONDS,
    lock_seconds: float | None = None,
    eager: bool = False,
    busy_seconds: float = sqlite.BUSY_SECONDS,
) -> Database:
    """Make the engine for `sqlite+aiosqlite://…` or `postgresql+asyncpg://…`.

    Nothing connects yet. A SQLite file's folder is made at the first connection. Errors do not
    show parameters: they may be a body. `lock_seconds` bounds a statement's wait for a lock on
    PostgreSQL; None: no bound but `statement_seconds`. An `eager` engine asks for SQLite's one
    write lock more often than others, and so gets it first; it fails after `busy_seconds`.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_async_engine(
            parsed,
            hide_parameters=True,
            pool_size=pool_size,
            pool_timeout=5,
            connect_args={"timeout": sqlite.EAGER_SECONDS if eager else busy_seconds},
        )
        sqlite.prepare(engine, tries=int(busy_seconds / sqlite.EAGER_SECONDS) if eager else 1)
        return Database(engine)
    engine = create_async_engine(
        parsed,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        isolation_level="READ COMMITTED",  # reading under a lock sees what was committed before it
        pool_timeout=5,
        pool_pre_ping=False,
        connect_args={
            "timeout": 5,
            "command_timeout": statement_seconds,
            "server_settings": {
                "synchronous_commit": "on",
                "application_name": "receiver",
                "idle_in_transaction_session_timeout": f"{SILENT_SECONDS}s",
                **({} if lock_seconds is None else {"lock_timeout": f"{lock_seconds * 1000:.0f}"}),
            },
        },
    )
    notice_silence(engine.sync_engine)
    return Database(engine)


async def durability_faults(database: Database) -> list[str]:
    """Each setting under which a power cut may lose a commit, and the value to set."""
    wanted = (
        {"PRAGMA journal_mode": "wal", "PRAGMA synchronous": "2", "PRAGMA foreign_keys": "1"}
        if database.is_sqlite
        else {"SHOW synchronous_commit": "on", "SHOW fsync": "on", "SHOW full_page_writes": "on"}
    )
    faults = []
    async with database.read() as connection:
        for question, answer in wanted.items():
            value = str(await connection.scalar(text(question))).lower()
            if value != answer:
                faults.append(f"{question.split()[-1]} is {value}; set it to {answer}")
    return faults


async def assert_durable(database: Database) -> None:
    """Raise DatabaseUnsuitable unless a commit survives a power cut."""
    for fault in await durability_faults(database):
        message = f"{fault}: an acknowledged delivery must survive a power cut"
        raise DatabaseUnsuitable(message)
