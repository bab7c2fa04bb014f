"""Bringing a database to the tables of `jobs.schema`, with Alembic.

Owns the order of changes and that two processes may ask at once. Migrations are safe with old
code still running.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from jobs.database import Database

#: Two processes that migrate PostgreSQL at once: the second waits on this lock, then finds it done.
ADVISORY_LOCK = 7_204_118_300


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
        await connection.run_sync(lambda sync: command.upgrade(_config(sync), "head"))


async def schema_is_current(database: Database) -> bool:
    """Whether the database has the tables that this code expects.

    Those of a newer version will do, since migrations are safe with old code: in the middle of an
    upgrade an old process that ends can be started again. Revisions are numbers, in their order.
    """
    wanted = ScriptDirectory.from_config(_config()).get_current_head() or ""
    async with database.read() as connection:
        found = await connection.run_sync(
            lambda sync: MigrationContext.configure(sync).get_current_revision()
        )
    return found is not None and found.isdecimal() and int(found) >= int(wanted)
