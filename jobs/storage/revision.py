"""Which tables the database has, by the one number that migrations leave in it.

Owns the comparison with what this code expects. Refuses to load Alembic: every process and every
command asks this at its start, and few migrate.
"""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from jobs.storage.database import Database

#: One file a revision, named by its number.
VERSIONS = Path(__file__).parent / "migrations" / "versions"


async def schema_is_current(database: Database) -> bool:
    """Whether the database has the tables that this code expects.

    Those of a newer version will do, since migrations are safe with old code: in the middle of an
    upgrade an old process that ends can be started again. Revisions are numbers, in their order.
    """
    async with database.read() as connection:
        revision = await connection.run_sync(_revision)
    expected = max(int(path.name.partition("_")[0]) for path in VERSIONS.glob("[0-9]*_*.py"))
    return revision is not None and revision.isdecimal() and int(revision) >= expected


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return revision
