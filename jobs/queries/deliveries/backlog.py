"""How far settling is behind."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, replay_items


async def count_waiting(database: Database) -> int:
    """How many deliveries are not settled."""
    waiting = (
        select(func.count())
        .select_from(deliveries)
        .where(deliveries.c.state == DeliveryState.RECEIVED)
    )
    async with database.read() as connection:
        return int(await connection.scalar(waiting) or 0)


async def oldest_received_age_seconds(database: Database) -> float | None:
    """Age of the oldest delivery that is not settled, by the database's clock; None without one.

    One that a replay has just taken up came long ago and has not waited since.
    """
    columns, items = deliveries.c, replay_items.c
    is_replayed = exists().where(
        items.delivery_id == columns.id, items.released == 1, items.result.is_(None)
    )
    oldest = select(func.min(columns.received_at)).where(
        columns.state == DeliveryState.RECEIVED, ~is_replayed
    )
    async with database.read() as connection:
        row = (await connection.execute(select(database.now(), oldest.scalar_subquery()))).one()
    now, since = row
    return None if since is None else max((now - since).total_seconds(), 0.0)
