"""Names that the records know, where a filter names one that the mappings do not."""

from __future__ import annotations

from sqlalchemy import exists, or_, select

from jobs.storage.database import Database
from jobs.storage.schema import billing_events, customers, deliveries, outcomes, rejection_counts

#: A source as rejections know it: also one that has delivered nothing.
REJECTED_SOURCE = "rejected source"
#: Where the names of each kind stand.
COLUMNS = {
    "source": (deliveries.c.source,),
    "rule": (deliveries.c.rule, outcomes.c.rule),
    "agent": (billing_events.c.agent_id,),
    "customer": (billing_events.c.customer_id,),
    "indicator": (billing_events.c.indicator,),
    "currency": (billing_events.c.currency,),
    "cause": (rejection_counts.c.cause,),
    REJECTED_SOURCE: (deliveries.c.source, rejection_counts.c.source),
}
#: Where the ids of each kind stand; too many to list.
ID_COLUMNS = {
    "delivery": (deliveries.c.id,),
    "outcome_key": (outcomes.c.outcome_key, billing_events.c.outcome_key),
}


async def is_known(database: Database, kind: str, name: str) -> bool:
    """Whether any record has this name or id, of a kind in `COLUMNS` or `ID_COLUMNS`."""
    columns = (COLUMNS | ID_COLUMNS)[kind]
    conditions = [exists(select(column).where(column == name)) for column in columns]
    async with database.read() as connection:
        return bool(await connection.scalar(select(or_(*conditions))))


async def all_known(database: Database, kind: str) -> set[str]:
    """All names of that kind that the records have: takes its time on large tables."""
    names: set[str] = set()
    async with database.read() as connection:
        for column in COLUMNS[kind]:
            names.update(
                name for name in await connection.scalars(select(column).distinct()) if name
            )
    return names


async def read_customers(database: Database) -> frozenset[str]:
    """All customers that were ever billed."""
    async with database.read() as connection:
        return frozenset(await connection.scalars(select(customers.c.id)))
