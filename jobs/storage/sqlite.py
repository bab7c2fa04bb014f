"""SQLite: how its connections are set up, its one write lock, and its journal.

Owns that a commit is durable there and that an eager engine gets the lock before others.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

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


def prepare(engine: AsyncEngine, *, tries: int) -> None:
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


async def empty_journal(connection: AsyncConnection) -> bool:
    """Remove deleted rows from the journal too; return False while a reader needs them."""
    driver = (await connection.get_raw_connection()).driver_connection
    for tries_left in reversed(range(EMPTYING_TRIES)):
        if not await _is_busy(driver):
            return True
        if tries_left:
            await asyncio.sleep(EMPTYING_SECONDS)
    return False


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
