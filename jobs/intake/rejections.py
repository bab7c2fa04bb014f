"""Requests that were not taken, kept so that an operator can see why.

Owns what is kept of them and how little that may cost: they wait in a small ring in memory, a
batch a second goes to the database, and the table keeps the last 1,000. Those of a group are one
row, with the last of them and how many there were. Refuses to grow under attack, to let one
source's flood hide another's single rejection, and to lose the counts.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from types import MappingProxyType

import structlog
from sqlalchemy import Delete, delete, func, select

from jobs.common.errors import brief, is_transient
from jobs.common.ids import new_id
from jobs.storage.database import Database
from jobs.storage.schema import rejection_counts, rejections

log = structlog.get_logger(__name__)

#: So many rows are kept in the table, and at most so many wait in memory.
KEPT = 1_000
#: At most so many are written at a time, whatever comes in.
BATCH = 200
EVERY_SECONDS = 1.0
#: The row of a group has an id made of the group's name.
_GROUPS = uuid.UUID("0d6f0b0c-51a5-5c57-9f0e-7c8c3a2f9b11")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """One request that was not taken. It holds no body, no secret and no value of a header.

    `source` is a configured one, or `unknown`; `body_bytes` is what was declared where the body
    was not read whole, and then `body_sha256` (hex) is None. `path` is what may be kept of the
    path of one that reached no source. Those of a `group` are one row, the last one's, of `count`.
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

    def after(self, earlier: Rejected | None) -> Rejected:
        """This one of a group, with those before it counted."""
        return self if earlier is None else replace(self, count=self.count + earlier.count)


class Ring:
    """The newest rejections, `size` at most, shared out among the sources."""

    def __init__(self, size: int = KEPT) -> None:
        self._size = size
        self._length = 0
        self._by_source: dict[str, deque[Rejected]] = {}

    def __len__(self) -> int:
        return self._length

    def add(self, one: Rejected) -> None:
        """Take one in; where there is no room, the oldest of the loudest source goes."""
        if self._length >= self._size:
            self._take_from(max(self._by_source, key=lambda name: len(self._by_source[name])))
        self._by_source.setdefault(one.source, deque()).append(one)
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
        one = waiting.popleft()
        self._length -= 1
        if not waiting:
            del self._by_source[source]
        return one


class RejectionBook:
    """Takes rejections in without waiting, and writes them to the database in the background."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ring = Ring()
        self._groups: dict[str, Rejected] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._last: dict[tuple[str, str], datetime] = {}
        self._is_failing = False

    def add(self, one: Rejected) -> None:
        """Take note of one; never blocks, never raises."""
        key = (one.source, one.cause)
        self._counts[key] += 1
        self._last[key] = one.at
        self._keep(one)

    def _keep(self, one: Rejected) -> None:
        if one.group is None:
            self._ring.add(one)
        elif one.group in self._groups or len(self._groups) < KEPT:
            self._groups[one.group] = one.after(self._groups.get(one.group))

    async def run(self) -> None:
        """Write a batch a second until cancelled; while the database is away, what fits waits."""
        while True:
            await asyncio.sleep(EVERY_SECONDS)
            await self.flush()

    async def flush(self) -> None:
        """Write one batch now, if there is anything; a failure is logged once and tried again.

        Rows that the database refuses, and would at every try, are let go: nothing that comes
        later is to wait behind them.
        """
        if not self._counts and not len(self._ring):
            return
        rows = self._ring.take(BATCH)
        groups, self._groups = self._groups, {}
        counts, self._counts = self._counts, Counter()
        last = {key: self._last[key] for key in counts}
        try:
            await write_rejections(self._database, rows, counts=counts, last=last, groups=groups)
        except Exception as error:  # noqa: BLE001 - whatever it is, intake goes on without it
            self._counts.update(counts)
            for one in (*groups.values(), *rows) if is_transient(error) else ():
                self._keep(one)
            if not self._is_failing:
                log.warning("rejections.write_failed", error=brief(error))
            self._is_failing = True
        else:
            self._is_failing = False
            self._last = {key: at for key, at in self._last.items() if key in self._counts}


async def write_rejections(
    database: Database,
    rows: Sequence[Rejected],
    *,
    counts: Mapping[tuple[str, str], int],
    last: Mapping[tuple[str, str], datetime],
    groups: Mapping[str, Rejected] = MappingProxyType({}),
) -> None:
    """Add rows and counts, by source and cause, and keep no more rows than `KEPT`."""
    async with database.write() as connection:
        for key in sorted(counts):
            source, cause = key
            row = {"source": source, "cause": cause, "count": counts[key], "last_at": last[key]}
            await connection.execute(
                database.upsert(
                    rejection_counts, key=["source", "cause"], values=row, adding=["count"]
                )
            )
        for group in sorted(groups):
            row = {"id": str(uuid.uuid5(_GROUPS, group)), **_fields(groups[group])}
            await connection.execute(
                database.upsert(rejections, key=["id"], values=row, adding=["count"])
            )
        if rows:
            await connection.execute(rejections.insert(), list(_values(rows)))
        if rows or groups:
            await connection.execute(_beyond_what_is_kept())


def _values(rows: Sequence[Rejected]) -> Iterator[dict[str, object]]:
    for one in sorted(rows, key=lambda row: row.at):
        yield {"id": new_id(), **_fields(one)}


def _fields(one: Rejected) -> dict[str, object]:
    fields = {**asdict(one), "header_names": list(one.header_names)}
    del fields["group"]
    return fields


def _beyond_what_is_kept() -> Delete:
    """Every source's newest stay before any source's older ones."""
    columns = rejections.c
    rank = func.row_number().over(
        partition_by=columns.source, order_by=(columns.at.desc(), columns.id.desc())
    )
    ranked = select(columns.id, columns.at, rank.label("rank")).subquery()
    by_worth = (ranked.c.rank, ranked.c.at.desc(), ranked.c.id.desc())
    return delete(rejections).where(
        columns.id.in_(select(ranked.c.id).order_by(*by_worth).offset(KEPT))
    )
