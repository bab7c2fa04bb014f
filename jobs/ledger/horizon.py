"""The horizon of the ledger: every line recorded before that time is visible.

Owns the time that a line is recorded at, and the horizon before which no further line can appear.
A line becomes visible when its transaction commits, later than `recorded_at`; so nothing is
complete past the start of the oldest open transaction that may write lines. Lines recorded before
the horizon have their final order: by `recorded_at`, then id. It is the order of commits for lines
of one key, and for all transactions that do not overlap.

- PostgreSQL: a transaction announces its start by an advisory lock before it reads the clock; a
  trigger does so for lines inserted in any other way. Every role sees such locks, and a prepared
  transaction keeps them. In addition, every transaction of this database counts that the server
  shows and that has written anything. A transaction that only reads has no transaction id and
  holds nothing back. A replica shows neither: it cannot determine the horizon.
- SQLite: one transaction writes at a time, and reads the clock when it has the lock. With the lock
  in hand all lines are visible; without it, those before the latest one.
"""

from __future__ import annotations

import asyncio
import sqlite3
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import JobsError
from jobs.storage.database import Database
from jobs.storage.schema import billing_events

#: An announcement is this number and the microseconds since 1970 of the transaction's start.
ANNOUNCED = 5 << 60
#: A clock set back by less than this does not record a line before committed ones. A clock that
#: was further ahead is not followed: it would move all later lines ahead with it.
SET_BACK = timedelta(minutes=1)
#: Between two readings while waiting for the horizon.
POLL_SECONDS = 0.02

_ANNOUNCEMENT = {"announced": ANNOUNCED, "set_back": SET_BACK.total_seconds()}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)

#: The lock is taken before the clock is read: its row comes first.
_ANNOUNCE = text(
    "WITH announced AS MATERIALIZED (SELECT pg_advisory_xact_lock_shared("
    " :announced + floor(extract(epoch FROM now()) * 1000000)::bigint))"
    " SELECT clock_timestamp(), (SELECT max(recorded_at) FROM billing_events"
    "  WHERE recorded_at < statement_timestamp() + make_interval(secs => :set_back))"
    " FROM announced"
)
_IN_FLIGHT = (
    " FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend'"
    " AND backend_xid IS NOT NULL AND pid <> pg_backend_pid()"
)
#: `now` is read before the statement begins to look.
_LOOK = text(
    "SELECT pg_is_in_recovery() AS is_replica, statement_timestamp() AS now,"  # noqa: S608 - from above
    f" (SELECT min(xact_start) {_IN_FLIGHT}) AS in_flight,"
    " (SELECT min((classid::bigint << 32) | objid::bigint) FROM pg_locks"
    "  WHERE locktype = 'advisory' AND objsubid = 1 AND classid::bigint >> 28 = 5 AND database ="
    "  (SELECT oid FROM pg_database WHERE datname = current_database())) AS announced"
)
_OLDEST = text(
    "SELECT pid, usename, application_name, state, xact_start"
    f" {_IN_FLIGHT} AND xact_start IS NOT NULL ORDER BY xact_start LIMIT 1"
)


class ReplicaCannotTell(JobsError):
    """A replica does not know which transactions are in flight; ask the primary database."""


@dataclass(frozen=True, slots=True)
class InFlight:
    """A transaction that has written and has not ended."""

    pid: int
    user: str
    application: str
    state: str
    since: datetime

    def __str__(self) -> str:
        who = f"process {self.pid} of {self.user} ({self.application or 'no name'}, {self.state})"
        return f"{who}, since {self.since.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


async def posting_time(database: Database, connection: AsyncConnection) -> datetime:
    """The time that lines of this transaction are recorded at.

    Call it once all locks of the transaction are held: after waiting for a lock, its lines would
    precede lines of the same key that were written in the meantime.
    """
    if database.is_sqlite:
        now = await database.time(connection)
        latest = await _latest_before(connection, now + SET_BACK)
    else:
        row = (await connection.execute(_ANNOUNCE, _ANNOUNCEMENT)).one()
        now, latest = row[0], row[1]
    return now if latest is None else max(now, latest + _TICK)


async def read_horizon(database: Database) -> datetime:
    """The time before which every line is committed and none can be added.

    Only a transaction that begins afterwards sees all of them. Raises ReplicaCannotTell.
    """
    if database.is_sqlite:
        return await _sqlite_horizon(database)
    async with database.read() as connection:
        row = (await connection.execute(_LOOK)).mappings().one()
    if row["is_replica"]:
        raise ReplicaCannotTell(ReplicaCannotTell.__doc__)
    horizon: datetime = min(row["now"], row["in_flight"] or row["now"])
    if row["announced"] is not None:
        horizon = min(horizon, _EPOCH + (row["announced"] - ANNOUNCED) * _TICK)
    return horizon.astimezone(UTC)


async def horizon_if_known(database: Database) -> datetime | None:
    """The horizon; None on a replica."""
    try:
        return await read_horizon(database)
    except ReplicaCannotTell:
        return None


async def wait_for_horizon(database: Database, *, seconds: float) -> datetime:
    """The horizon once it has reached the present; after `seconds`, as far as it is."""
    async with database.read() as connection:
        wanted = await database.time(connection)
    for _ in range(int(seconds / POLL_SECONDS)):
        horizon = await read_horizon(database)
        if horizon >= wanted:
            return horizon
        await asyncio.sleep(POLL_SECONDS)
    return await read_horizon(database)


async def oldest_in_flight(database: Database) -> InFlight | None:
    """The transaction that holds the horizon back, if the server shows one; None on SQLite."""
    if database.is_sqlite:
        return None
    async with database.read() as connection:
        row = (await connection.execute(_OLDEST)).one_or_none()
    return None if row is None else InFlight(*row)


async def _sqlite_horizon(database: Database) -> datetime:
    """Now, if no other transaction has the write lock; otherwise the time of the latest line."""
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None  # noqa: S101 - the connection is open
        (usual,) = await (await driver.execute("PRAGMA busy_timeout")).fetchone()
        try:
            await driver.execute("PRAGMA busy_timeout=0")
            await driver.execute("BEGIN IMMEDIATE")
            now = datetime.now(UTC)
            await driver.execute("ROLLBACK")
        except sqlite3.OperationalError:  # another one has it, or the file is read-only
            return await _latest_before(connection, datetime.now(UTC)) or _EPOCH
        else:
            return now
        finally:
            await driver.execute(f"PRAGMA busy_timeout={usual}")


async def _latest_before(connection: AsyncConnection, moment: datetime) -> datetime | None:
    """The time of the latest line that was recorded before the moment."""
    recorded_at = billing_events.c.recorded_at
    latest: datetime | None = await connection.scalar(
        select(func.max(recorded_at)).where(recorded_at < moment)
    )
    return latest
