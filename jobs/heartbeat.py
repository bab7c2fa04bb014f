"""Heartbeats: which processes are alive, and the problems each reports.

Kept in the database, so that the web process and `receiver status` can name a missing worker
while Redis is away too.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, select

from jobs.common.tasks import every
from jobs.common.timestamps import in_utc
from jobs.storage.database import Database
from jobs.storage.schema import heartbeats
from mappings.engine.loading.load import MappingSet

EVERY_SECONDS = 3.0
#: A process without a heartbeat for this long counts as gone.
ALIVE_SECONDS = 12.0
#: Rows of processes gone for this long are deleted.
FORGOTTEN_SECONDS = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Alive:
    """A process with a recent heartbeat."""

    name: str
    role: str
    seen_at: datetime
    detail: dict[str, Any]


#: Problems of the mappings that are reported in words.
MOST_PROBLEMS = 5


def mappings_health(mappings: MappingSet, *, timezone: str) -> dict[str, Any]:
    """What a process reports of its mappings in force."""
    return {
        "mappings": mappings.digest,
        "timezone": timezone,
        "stale": sorted(mappings.stale),
        "problems": len(mappings.problems),
        "rejected": [str(problem)[:500] for problem in mappings.problems[:MOST_PROBLEMS]],
    }


def process_name() -> str:
    """The name of this process, unique over all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Heartbeat:
    """Writes this process's row every few seconds, with its state as `detail`."""

    def __init__(
        self, database: Database, *, role: str, detail: Callable[[], dict[str, Any]]
    ) -> None:
        self._database = database
        self._role = role
        self._detail = detail
        self._name = process_name()
        self._since = in_utc(datetime.now(UTC))

    async def run(self) -> None:
        """Beat until cancelled; while the database is away, beats are missed."""
        await every("heartbeat", EVERY_SECONDS, self.beat)

    async def beat(self) -> None:
        """Write the row once, and delete the rows of processes long gone."""
        row = {
            "name": self._name,
            "role": self._role,
            "seen_at": self._database.now(),
            "detail": {**self._detail(), "since": self._since},
        }
        async with self._database.write() as connection:
            await connection.execute(self._database.upsert(heartbeats, key=["name"], values=row))
            await connection.execute(
                delete(heartbeats).where(
                    heartbeats.c.seen_at < self._database.now(plus_seconds=-FORGOTTEN_SECONDS)
                )
            )

    async def stop(self) -> None:
        """Delete the row: this process ends in good order."""
        async with self._database.write() as connection:
            await connection.execute(delete(heartbeats).where(heartbeats.c.name == self._name))


async def alive(database: Database, *, role: str | None = None) -> list[Alive]:
    """The processes with a recent heartbeat, by the database's clock."""
    since = database.now(plus_seconds=-ALIVE_SECONDS)
    statement = select(heartbeats).where(heartbeats.c.seen_at >= since).order_by(heartbeats.c.name)
    if role is not None:
        statement = statement.where(heartbeats.c.role == role)
    async with database.read() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return [Alive(row["name"], row["role"], row["seen_at"], row["detail"]) for row in rows]
