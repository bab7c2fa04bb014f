"""Reading several things as of one moment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.database import Database


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncConnection]:
    """A transaction that only reads, and whose statements all see the same moment.

    SQLite's WAL gives that to every read transaction, PostgreSQL when asked.
    """
    async with database.engine.connect() as connection:
        if not database.is_sqlite:
            await connection.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        async with connection.begin():
            yield connection
