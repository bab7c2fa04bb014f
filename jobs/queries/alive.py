"""Which processes are alive, and what they complain of."""

from __future__ import annotations

from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import select

from jobs.database import Database
from jobs.queries.shapes import Shape
from jobs.schema import heartbeats

#: A process that wrote nothing for this long is taken for dead.
SILENT_SECONDS = 30.0


class Process(Shape):
    """A web or worker process by its last heartbeat; `detail` is what it said then."""

    name: str
    role: str
    seen_at: AwareDatetime
    silent_seconds: float
    detail: dict[str, Any]

    @property
    def alive(self) -> bool:
        """Whether it was heard of lately."""
        return self.silent_seconds < SILENT_SECONDS


async def read_processes(database: Database) -> tuple[Process, ...]:
    """Every process that left a heartbeat, by role and name, dead ones too."""
    columns = heartbeats.c
    query = select(heartbeats, database.now().label("now")).order_by(columns.role, columns.name)
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    return tuple(
        Process(
            **{name: row[name] for name in ("name", "role", "seen_at", "detail")},
            silent_seconds=round(max((row["now"] - row["seen_at"]).total_seconds(), 0.0), 3),
        )
        for row in rows
    )
