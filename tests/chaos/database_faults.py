"""What the monkey does to each kind of database."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import Protocol

import asyncpg

from tests.chaos.plan import Fault
from tests.support.databases import PostgresDatabase, SqliteFile
from tests.support.postgres import Postgres

#: A lock of ours that is not had within this is given up: others hold the rows.
LOCK_TIMEOUT = "3s"
CONNECT_SECONDS = 5.0
UNREACHABLE = (
    OSError,
    TimeoutError,
    asyncpg.CannotConnectNowError,
    asyncpg.PostgresConnectionError,
)
SERVICE = "application_name = 'receiver'"
ROWS = (
    "SELECT id FROM deliveries WHERE state = 'received' ORDER BY received_at LIMIT 50 FOR UPDATE",
    "SELECT outcome_key FROM outcome_keys ORDER BY random() LIMIT 200 FOR UPDATE",
    "LOCK TABLE outcome_keys IN EXCLUSIVE MODE",
    "SELECT id FROM deliveries ORDER BY received_at DESC LIMIT 200 FOR UPDATE",
)


class DatabaseFaults(Protocol):
    """Strikes the database and repairs it."""

    async def strike(self, fault: Fault) -> bool: ...

    async def die(self, seconds: float) -> None:
        """Be dead for so long, and come back."""
        ...


class SqliteFaults:
    """A file: all that can be done from outside is to hold its one write lock."""

    def __init__(self, database: SqliteFile) -> None:
        self._database = database

    async def strike(self, fault: Fault) -> bool:
        await asyncio.to_thread(self._hold, fault.seconds)
        return True

    async def die(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def _hold(self, seconds: float) -> None:
        with self._database.away():
            time.sleep(seconds)


class PostgresFaults:
    """A server: killed, frozen, crashed, its connections cut or used up, its rows locked."""

    def __init__(self, server: Postgres, database: PostgresDatabase) -> None:
        self._server = server
        self._dsn = database.url.replace("+asyncpg", "")

    async def strike(self, fault: Fault) -> bool:
        ways = {
            "kill": self.die,
            "stop": self._stop,
            "crash": self._crash,
            "cut": self._cut,
            "fill": self._fill,
        }
        try:
            if fault.kind == "lock":
                return await self._lock(fault)
            await ways[fault.kind](fault.seconds)
        except UNREACHABLE:  # it still recovers from the last fault
            return False
        return True

    async def die(self, seconds: float) -> None:
        """Shut down as by a power cut; recovers from its log when it is started."""
        await asyncio.to_thread(self._server.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self._server.start)

    async def _stop(self, seconds: float) -> None:
        self._server.freeze()
        try:
            await asyncio.sleep(seconds)
        finally:
            self._server.thaw()

    async def _crash(self, _seconds: float) -> None:
        """SIGKILL to one backend: the server drops all connections and recovers."""
        connection = await self._connect()
        try:
            pid = await connection.fetchval(
                f"SELECT pid FROM pg_stat_activity WHERE {SERVICE} LIMIT 1"  # noqa: S608 -- ours
            )
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        finally:
            connection.terminate()
        await asyncio.sleep(1)

    async def _cut(self, _seconds: float) -> None:
        """Every connection of the service, at once."""
        connection = await self._connect()
        try:
            await connection.fetch(
                f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {SERVICE}"  # noqa: S608 -- ours
            )
        finally:
            connection.terminate()

    async def _fill(self, seconds: float) -> None:
        """Use up all connections there are, after cutting the service's own."""
        await self._cut(0)
        held: list[asyncpg.Connection] = []
        try:
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    held.append(await self._connect())
            await asyncio.sleep(seconds)
        finally:
            for connection in held:
                connection.terminate()

    async def _lock(self, fault: Fault) -> bool:
        """Hold rows, or a table, that the service needs."""
        connection = await self._connect()
        try:
            await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            async with connection.transaction():
                await connection.execute(ROWS[int(fault.at * 1000) % len(ROWS)])
                await asyncio.sleep(fault.seconds)
        except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
            return False
        finally:
            connection.terminate()
        return True

    async def _connect(self) -> asyncpg.Connection:
        return await asyncpg.connect(
            self._dsn, timeout=CONNECT_SECONDS, server_settings={"application_name": "monkey"}
        )
