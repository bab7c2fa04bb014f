"""How far settling is behind."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.database import Database
from jobs.schema import deliveries


async def oldest_received_age_seconds(database: Database) -> float | None:
    """Age of the oldest delivery that is not settled, by the database's clock; None without one."""
    oldest = select(func.min(deliveries.c.received_at)).where(deliveries.c.state == "received")
    async with database.read() as connection:
        row = (await connection.execute(select(database.now(), oldest.scalar_subquery()))).one()
    now, since = row
    return None if since is None else max((now - since).total_seconds(), 0.0)
