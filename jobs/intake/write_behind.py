"""Counts and notes gathered in memory and written in the background, a small batch at a time.

Owns that a slow or missing database delays no caller and loses no count: what could not be written
is written with the next batch. Refuses to grow: counts have few keys, and a subclass bounds its
notes. What was gathered in the last seconds before a kill may be missing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Generic, NamedTuple, TypeVar

import structlog
from sqlalchemy import Table
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import brief, is_transient
from jobs.common.tasks import every
from jobs.storage.database import Database

log = structlog.get_logger(__name__)

#: A source, and what is counted of it.
Key = tuple[str, str]
Note = TypeVar("Note")


class Count(NamedTuple):
    """How many, and when the last one was."""

    number: int
    last_at: datetime


class WriteBehind(ABC, Generic[Note]):
    """Counts by key, and the notes of a subclass; written every `seconds`."""

    def __init__(self, database: Database, *, name: str, seconds: float) -> None:
        self._database = database
        self._name = name
        self._seconds = seconds
        self._counts: dict[Key, Count] = {}
        self._is_failing = False

    async def run(self) -> None:
        """Write a batch every few seconds until cancelled."""
        await every(self._name, self._seconds, self.flush, pause_first=True)

    async def flush(self) -> None:
        """Write one batch now, if there is any; a failure is logged once and retried.

        Notes that the database refuses for good are dropped: later ones do not wait for them.
        """
        notes = self._take()
        counts, self._counts = self._counts, {}
        if not notes and not counts:
            return
        try:
            await self._write(counts, notes)
        except Exception as error:  # noqa: BLE001 - whatever it is, intake goes on without it
            for key, count in counts.items():
                self._count(key, count)
            for note in notes if is_transient(error) else ():
                self._keep(note)
            if not self._is_failing:
                log.warning("write_behind.failed", buffer=self._name, error=brief(error))
            self._is_failing = True
        else:
            self._is_failing = False

    def _count(self, key: Key, count: Count) -> None:
        known = self._counts.get(key)
        if known is not None:
            count = Count(known.number + count.number, max(known.last_at, count.last_at))
        self._counts[key] = count

    @abstractmethod
    async def _write(self, counts: Mapping[Key, Count], notes: list[Note]) -> None:
        """Write all of it in one transaction, or raise."""

    def _take(self) -> list[Note]:
        """Remove and return the notes of the next batch."""
        return []

    def _keep(self, note: Note) -> None:
        """Hold a note until it is taken."""


async def add_counts(
    database: Database,
    connection: AsyncConnection,
    table: Table,
    counts: Mapping[Key, Count],
    *,
    last: str,
) -> None:
    """Add to a table of counts, whose primary key is the two parts of a key; `last` is a column."""
    names = [column.name for column in table.primary_key.columns]
    for key, count in sorted(counts.items()):
        row: dict[str, Any] = dict(zip(names, key, strict=True))
        row |= {"count": count.number, last: count.last_at}
        await connection.execute(database.upsert(table, key=names, values=row, adding=["count"]))
