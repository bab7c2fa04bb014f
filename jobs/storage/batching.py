"""Long work in batches: what one statement, one transaction and one process's memory can hold.

Owns the sizes. `chunks` bounds what one statement names, `by_size` what one transaction changes,
`steps` paces transactions so that no writer waits for all of them, `with_bodies` bounds the bodies
held in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: Parameters in one statement; SQLite takes 32,766 of them.
CHUNK = 5_000
#: Bodies held or removed at once: at most this many, and this many bytes of them.
BODIES = 200
BODIES_BYTES = 8 * 1024 * 1024
#: Deliveries that one transaction takes of many. On SQLite a transaction over a hundred thousand
#: held intake up for two seconds, and senders were refused.
STEP = 5_000
PAUSE_SECONDS = 0.05

T = TypeVar("T")


def chunks(items: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """The items in lists of at most `size`."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk


def by_size(
    sizes: Iterable[tuple[str, int]], *, rows: int | None = None, size: int | None = None
) -> Iterator[list[str]]:
    """Ids, each given with its body's length, in lists of at most `rows` and `size` bytes.

    By default BODIES and BODIES_BYTES. A longer body is a list of its own.
    """
    batch: list[str] = []
    total = 0
    for delivery_id, length in sizes:
        if batch and (len(batch) >= (rows or BODIES) or total + length > (size or BODIES_BYTES)):
            yield batch
            batch, total = [], 0
        batch.append(delivery_id)
        total += length
    if batch:
        yield batch


async def body_sizes(connection: AsyncConnection, ids: Sequence[str]) -> list[tuple[str, int]]:
    """The deliveries, each with its body's length (0 where it is gone), in the order of `ids`."""
    columns = deliveries.c
    query = select(columns.id, func.coalesce(func.length(columns.body), 0))
    rows = await connection.execute(query.where(columns.id.in_(ids)))
    sizes = {row[0]: row[1] for row in rows}
    return [(delivery_id, sizes.get(delivery_id, 0)) for delivery_id in ids]


async def with_bodies(
    database: Database, ids: Sequence[str]
) -> AsyncIterator[Sequence[RowMapping]]:
    """The rows of these deliveries with their bodies; `ids` in order of receipt stay in it."""
    for chunk in chunks(ids):
        async with database.read() as connection:
            sizes = await body_sizes(connection, chunk)
        for batch in by_size(sizes):
            async with database.read() as connection:
                selected = await connection.execute(
                    select(deliveries, database.now().label("claimed_at"))
                    .where(deliveries.c.id.in_(batch))
                    .order_by(deliveries.c.received_at, deliveries.c.id)
                )
                rows = selected.mappings().all()
            yield rows


@dataclass(frozen=True, slots=True)
class Step:
    """What one transaction takes of a long list of deliveries; its `start` counts them."""

    ids: list[str]
    number: int
    start: int
    is_last: bool

    @property
    def is_first(self) -> bool:
        return self.number == 1

    @property
    def is_only(self) -> bool:
        return self.is_first and self.is_last

    async def pause(self) -> None:
        """Let other writers have their turn: SQLite gives it to whichever asks just then."""
        if not self.is_last:
            await asyncio.sleep(PAUSE_SECONDS)


def steps(ids: list[str]) -> Iterator[Step]:
    """At least one, which is empty where there are no ids."""
    for number, start in enumerate(range(0, len(ids) or 1, STEP), 1):
        chunk = ids[start : start + STEP]
        yield Step(chunk, number, start, is_last=start + STEP >= len(ids))
