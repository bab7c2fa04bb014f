"""Loading deliveries with their bodies in portions: memory is that of some bodies.

Owns how many bodies are held at once, wherever many deliveries are looked at.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import RowMapping

from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: A portion ends with the body that reaches this many bytes.
PORTION_BYTES = 8 * 1024 * 1024
#: And with so many deliveries.
PORTION = 100


async def in_portions(
    database: Database, ids: Sequence[str]
) -> AsyncIterator[Sequence[RowMapping]]:
    """The rows of these deliveries with their bodies; `ids` in order of receipt stay in it."""
    for start in range(0, len(ids), PORTION):
        chunk = ids[start : start + PORTION]
        for portion in _portions(chunk, await _sizes(database, chunk)):
            async with database.read() as connection:
                found = await connection.execute(
                    select(deliveries, database.now().label("claimed_at"))
                    .where(deliveries.c.id.in_(portion))
                    .order_by(deliveries.c.received_at, deliveries.c.id)
                )
                rows = found.mappings().all()
            yield rows


async def _sizes(database: Database, ids: Sequence[str]) -> dict[str, int]:
    columns = deliveries.c
    query = select(columns.id, func.coalesce(func.length(columns.body), 0))
    async with database.read() as connection:
        found = await connection.execute(query.where(columns.id.in_(ids)))
        return {row[0]: row[1] for row in found}


def _portions(ids: Sequence[str], sizes: dict[str, int]) -> Iterator[list[str]]:
    portion: list[str] = []
    size = 0
    for one in ids:
        portion.append(one)
        size += sizes.get(one, 0)
        if size >= PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
