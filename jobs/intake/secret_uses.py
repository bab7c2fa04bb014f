"""Which secret of a source verified requests: how many, and when last.

Owns that count, so that an operator sees when an old secret is out of use. It is written in the
background; what the last seconds before a kill verified may be missing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

import structlog

from jobs.common.errors import brief
from jobs.storage.database import Database
from jobs.storage.schema import secret_uses

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3.0

#: Names of a source and of one of its secrets.
SecretOf = tuple[str, str]


class SecretUses:
    """Counts in memory and writes the sums to the database in the background."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Counter[SecretOf] = Counter()
        self._last: dict[SecretOf, datetime] = {}
        self._is_failing = False

    def add(self, source: str, secret: str, at: datetime) -> None:
        """Count one request that this secret verified; never blocks, never raises."""
        self._counts[source, secret] += 1
        self._last[source, secret] = at

    async def run(self) -> None:
        """Write every few seconds until cancelled."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write what was counted, if anything; a failure is logged once and tried again."""
        if not self._counts:
            return
        counts, self._counts = self._counts, Counter()
        last = {key: self._last[key] for key in counts}
        try:
            await write_uses(self._database, counts, last)
        except Exception as error:  # noqa: BLE001 - whatever it is, intake goes on without it
            self._counts.update(counts)
            if not self._is_failing:
                log.warning("secret_uses.write_failed", error=brief(error))
            self._is_failing = True
        else:
            self._is_failing = False


async def write_uses(
    database: Database, counts: Mapping[SecretOf, int], last: Mapping[SecretOf, datetime]
) -> None:
    """Add to the counts, by names of source and secret."""
    async with database.write() as connection:
        for source, secret in sorted(counts):
            key = (source, secret)
            row = {
                "source": source,
                "secret": secret,
                "count": counts[key],
                "last_used_at": last[key],
            }
            await connection.execute(
                database.upsert(secret_uses, key=["source", "secret"], values=row, adding=["count"])
            )
