"""Names that the records know, where a filter names one that the mappings do not."""

from __future__ import annotations

from sqlalchemy import exists, or_, select

from jobs.database import Database
from jobs.schema import deliveries, outcomes

#: Where the names of each kind stand.
COLUMNS = {
    "source": (deliveries.c.source,),
    "rule": (deliveries.c.rule, outcomes.c.rule),
}


async def is_known(database: Database, kind: str, name: str) -> bool:
    """Whether any record has this source or rule."""
    found = [exists(select(column).where(column == name)) for column in COLUMNS[kind]]
    async with database.read() as connection:
        return bool(await connection.scalar(select(or_(*found))))


async def all_known(database: Database, kind: str) -> set[str]:
    """All sources or rules that the records have: takes its time on large tables."""
    names: set[str] = set()
    async with database.read() as connection:
        for column in COLUMNS[kind]:
            names.update(
                name for name in await connection.scalars(select(column).distinct()) if name
            )
    return names
