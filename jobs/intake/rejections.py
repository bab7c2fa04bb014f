"""Rejected requests, kept so that an operator can see why they were rejected.

Owns what is kept of them, and its cost: they wait in a small ring in memory, a batch a second is
written, and the table keeps the last 1,000. Rejections of a group are one row: the last of them,
and their number. Refuses to grow under attack, to let one source's flood hide another's single
rejection, and to lose the counts.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from sqlalchemy import Delete, delete, func, select

from jobs.common.ids import new_id
from jobs.intake.write_behind import Count, Key, WriteBehind, add_counts
from jobs.storage.database import Database
from jobs.storage.schema import rejection_counts, rejections

#: Rows kept in the table, and rows that may wait in memory.
KEPT = 1_000
#: Rows written at a time, whatever comes in.
BATCH = 200
EVERY_SECONDS = 1.0
#: The source of requests that reach none that is configured.
UNKNOWN_SOURCE = "unknown"
#: The row of a group has an id made of the group's name.
_GROUPS = uuid.UUID("0d6f0b0c-51a5-5c57-9f0e-7c8c3a2f9b11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One rejected request, without its body, any secret or any header value.

    `source` is a configured one, or `unknown`; `body_bytes` is the declared length where the body
    was not read whole, and then `body_sha256` (hex) is None. `path` is the loggable part of a path
    that belongs to no source. Rejections of one `group` are one row: the last one, with `count`.
    """

    at: datetime
    source: str
    cause: str
    detail: str
    remote: str
    header_names: tuple[str, ...] = ()
    body_bytes: int | None = None
    body_sha256: str | None = None
    path: str | None = None
    nearest_source: str | None = None
    remediation: str | None = None
    count: int = 1
    group: str | None = None

    def joined(self, other: Rejected | None) -> Rejected:
        """The later of two of a group, with the count of both."""
        if other is None:
            return self
        later = max(self, other, key=lambda rejected: rejected.at)
        return replace(later, count=self.count + other.count)


class Ring:
    """The newest rejections, `size` at most, shared out among the sources."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._length = 0
        self._by_source: dict[str, deque[Rejected]] = {}

    def __len__(self) -> int:
        return self._length

    def add(self, rejected: Rejected) -> None:
        """Take one in; where there is no room, the oldest of the loudest source is dropped."""
        if self._length >= self._size:
            self._take_from(max(self._by_source, key=lambda name: len(self._by_source[name])))
        self._by_source.setdefault(rejected.source, deque()).append(rejected)
        self._length += 1

    def take(self, number: int) -> list[Rejected]:
        """Up to `number` of them, the oldest of each source in turn."""
        taken: list[Rejected] = []
        while self._length and len(taken) < number:
            sources = list(self._by_source)[: number - len(taken)]
            taken.extend(self._take_from(source) for source in sources)
        return taken

    def _take_from(self, source: str) -> Rejected:
        waiting = self._by_source[source]
        rejected = waiting.popleft()
        self._length -= 1
        if not waiting:
            del self._by_source[source]
        return rejected


class RejectionBook(WriteBehind[Rejected]):
    """Takes rejections without waiting; they are written in the background."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, name="rejections", seconds=EVERY_SECONDS)
        self._ring = Ring()
        self._groups: dict[str, Rejected] = {}

    def add(self, rejected: Rejected) -> None:
        """Note one; never blocks, never raises."""
        self._count((rejected.source, rejected.cause), Count(1, rejected.at))
        self._keep(rejected)

    def _keep(self, note: Rejected) -> None:
        if note.group is None:
            self._ring.add(note)
        elif note.group in self._groups or len(self._groups) < KEPT:
            self._groups[note.group] = note.joined(self._groups.get(note.group))

    def _take(self) -> list[Rejected]:
        groups, self._groups = self._groups, {}
        return [*groups.values(), *self._ring.take(BATCH)]

    async def _write(self, counts: Mapping[Key, Count], notes: list[Rejected]) -> None:
        await write_rejections(self._database, counts, notes)


async def write_rejections(
    database: Database, counts: Mapping[Key, Count], notes: Sequence[Rejected]
) -> None:
    """Add rows and counts, and keep no more rows than `KEPT`."""
    rows = sorted((note for note in notes if note.group is None), key=lambda row: row.at)
    groups = {note.group: note for note in notes if note.group is not None}
    async with database.write() as connection:
        await add_counts(database, connection, rejection_counts, counts, last="last_at")
        for group in sorted(groups):
            row = {"id": str(uuid.uuid5(_GROUPS, group)), **_fields(groups[group])}
            await connection.execute(
                database.upsert(rejections, key=["id"], values=row, adding=["count"])
            )
        if rows:
            values = [{"id": new_id(), **_fields(row)} for row in rows]
            await connection.execute(rejections.insert(), values)
        if notes:
            await connection.execute(_beyond_what_is_kept())


def _fields(rejected: Rejected) -> dict[str, object]:
    fields = {**asdict(rejected), "header_names": list(rejected.header_names)}
    del fields["group"]
    return fields


def _beyond_what_is_kept() -> Delete:
    """Rows beyond `KEPT`: each source's newest rank before any source's older ones."""
    columns = rejections.c
    rank = func.row_number().over(
        partition_by=columns.source, order_by=(columns.at.desc(), columns.id.desc())
    )
    ranked = select(columns.id, columns.at, rank.label("rank")).subquery()
    by_worth = (ranked.c.rank, ranked.c.at.desc(), ranked.c.id.desc())
    return delete(rejections).where(
        columns.id.in_(select(ranked.c.id).order_by(*by_worth).offset(KEPT))
    )
