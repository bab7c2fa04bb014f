"""Access to the database: engine, transactions, time, durability.

Owns the differences between SQLite and PostgreSQL, so that no other module checks for them.
Refuses a database that would acknowledge a commit it may lose in a power cut.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Insert,
    Interval,
    LargeBinary,
    Table,
    event,
    func,
    literal,
    select,
    text,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from jobs.common.errors import DatabaseUnsuitable
from jobs.storage.columns import UtcDateTime
from jobs.storage.lost_connections import notice_silence

#: How long one statement may take before its connection counts as lost.
STATEMENT_SECONDS = 30
#: How long PostgreSQL keeps an idle transaction: a process frozen within one would block, with its
#: locks, all others that need the same rows.
SILENT_SECONDS = 10
#: Connections that are not closed by then are left to the end of the process.
CLOSE_SECONDS = 1.0
#: How long SQLite waits for another process's transaction before SQLITE_BUSY.
BUSY_SECONDS = 5
#: How long an eager engine waits at a time: SQLite retries after 1, 3, 8 and 18 ms, and then ever
#: more rarely, so that a worker with back-to-back transactions kept intake out for seconds.
EAGER_SECONDS = 0.02
#: Pause between tries to switch a new SQLite file to WAL.
SWITCH_SECONDS = 0.02
#: Emptying SQLite's journal blocks other writers for at most this long, and is tried this often.
EMPTYING_SECONDS = 0.2
EMPTYING_TRIES = 10


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
        insert = sqlite.insert if self.is_sqlite else postgresql.insert
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
        insert = sqlite.insert if self.is_sqlite else postgresql.insert
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
            driver = (await connection.get_raw_connection()).driver_connection
            for tries_left in reversed(range(EMPTYING_TRIES)):
                if not await _is_busy(driver):
                    return True
                if tries_left:
                    await asyncio.sleep(EMPTYING_SECONDS)
        return False

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
    busy_seconds: float = BUSY_SECONDS,
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
            connect_args={"timeout": EAGER_SECONDS if eager else busy_seconds},
        )
        _prepare_sqlite(engine, tries=int(busy_seconds / EAGER_SECONDS) if eager else 1)
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


def _prepare_sqlite(engine: AsyncEngine, *, tries: int) -> None:
    """WAL, FULL synchronous and our own BEGIN (the driver's would start read transactions)."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def before_connecting(*_: Any) -> None:
        if engine.url.database and engine.url.database != ":memory:":
            Path(engine.url.database).parent.mkdir(parents=True, exist_ok=True)

    @event.listens_for(engine.sync_engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        _switch_to_wal(cursor)
        # What is removed is written over: builds of SQLite differ in whether they do so unasked.
        for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def on_begin(connection: Connection) -> None:
        mode = connection.get_execution_options().get("sqlite_begin", "DEFERRED")
        for _ in range(tries - 1):
            if _began(connection, mode):
                return
        connection.exec_driver_sql(f"BEGIN {mode}")


async def _is_busy(driver: Any) -> bool:
    """Whether the journal could not be emptied now; by the driver, outside any transaction."""
    cursor = await driver.execute("PRAGMA busy_timeout")
    (usual,) = await cursor.fetchone()
    try:
        await driver.execute(f"PRAGMA busy_timeout={EMPTYING_SECONDS * 1000:.0f}")
        cursor = await driver.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return bool((await cursor.fetchone())[0])
    finally:
        await driver.execute(f"PRAGMA busy_timeout={usual}")


def _began(connection: Connection, mode: str) -> bool:
    """Whether it has the lock; by the driver, as SQLAlchemy gives up on a BEGIN that fails."""
    cursor = connection.connection.cursor()
    try:
        cursor.execute(f"BEGIN {mode}")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
            return False
        raise
    finally:
        cursor.close()
    return True


def _switch_to_wal(cursor: Any) -> None:
    """Switch a new file to WAL; of processes that open it at once only one can.

    The others get SQLITE_BUSY at once, whatever the time-out: SQLite calls no busy handler for
    this lock.
    """
    for tries_left in reversed(range(int(BUSY_SECONDS / SWITCH_SECONDS))):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not tries_left:
                raise
            time.sleep(SWITCH_SECONDS)
        else:
            return


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
            found = str((await connection.execute(text(question))).scalar()).lower()
            if found != answer:
                faults.append(f"{question.split()[-1]} is {found}; set it to {answer}")
    return faults


async def assert_durable(database: Database) -> None:
    """Raise DatabaseUnsuitable unless a commit survives a power cut."""
    for fault in await durability_faults(database):
        message = f"{fault}: an acknowledged delivery must survive a power cut"
        raise DatabaseUnsuitable(message)
