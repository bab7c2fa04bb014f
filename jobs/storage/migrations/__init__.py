"""Bringing a database to the tables of `jobs.storage.schema`, with Alembic.

Owns the order of changes and that two processes may ask at once. Migrations are safe with old
code still running.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text

from jobs.storage.database import Database, open_database

#: One statement may read a large table whole, or wait for another process that migrates.
STATEMENT_SECONDS = 24 * 3600.0
#: A long read of a table is not waited for: every later query, intake too, would
#: wait behind us.
LOCK_SECONDS = 5.0
#: Two processes that migrate PostgreSQL at once: the second waits on this lock, then finds it done.
ADVISORY_LOCK = 7_204_118_300


def open_for_migration(url: str) -> Database:
    """An engine on which a statement takes as long as it takes."""
    return open_database(url, pool_size=1, statement_seconds=STATEMENT_SECONDS)


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


async def migrate(database: Database) -> None:
    """Bring the database up to date; does nothing where it is."""
    async with database.write() as connection:
        if not database.is_sqlite:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK}
            )
        await database.limit_locks(connection, LOCK_SECONDS)
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))
