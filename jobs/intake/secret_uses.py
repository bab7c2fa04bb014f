"""How many requests each secret of a source verified, and when the last one was.

An operator sees by it when an old secret is out of use.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Never

from jobs.intake.write_behind import Count, Key, WriteBehind, add_counts
from jobs.storage.database import Database
from jobs.storage.schema import secret_uses

EVERY_SECONDS = 3.0


class SecretUses(WriteBehind[Never]):
    """Counts in memory; the sums are written in the background."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, name="secret_uses", seconds=EVERY_SECONDS)

    def add(self, source: str, secret: str, at: datetime) -> None:
        """Count one request that this secret verified; never blocks, never raises."""
        self._count((source, secret), Count(1, at))

    async def _write(self, counts: Mapping[Key, Count], _notes: list[Never]) -> None:
        await write_uses(self._database, counts)


async def write_uses(database: Database, counts: Mapping[Key, Count]) -> None:
    """Add to the counts, by the names of source and secret."""
    async with database.write() as connection:
        await add_counts(database, connection, secret_uses, counts, last="last_used_at")
