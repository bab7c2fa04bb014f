"""The balance: whether every acknowledged delivery is accounted for, and what waits to settle."""

from __future__ import annotations

from sqlalchemy import exists, func, select

from jobs.common.states import DeliveryState
from jobs.queries.shape import Shape
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, intake, replay_items


class Status(Shape):
    """The balance: `accepted` is counted at intake, the rest by state, at one moment."""

    accepted: int
    received: int
    recorded: int
    ignored: int
    failed: int
    discarded: int
    oldest_received_age_seconds: float | None

    @property
    def balances(self) -> bool:
        """Whether every acknowledged delivery is accounted for."""
        settled = self.recorded + self.ignored + self.failed + self.discarded
        return self.accepted == self.received + settled


async def read_status(database: Database) -> Status:
    """Both counts, from one snapshot: what intake accepted, and the deliveries by state."""
    of_received = deliveries.c.state == DeliveryState.RECEIVED
    oldest = select(func.min(deliveries.c.received_at)).where(of_received)
    async with database.snapshot() as connection:
        accepted = (await connection.execute(select(func.sum(intake.c.accepted)))).scalar()
        counted = await connection.execute(
            select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        )
        by_state = {row[0]: row[1] for row in counted}
        now, since = (
            await connection.execute(select(database.now(), oldest.scalar_subquery()))
        ).one()
    age = None if since is None else round(max((now - since).total_seconds(), 0.0), 3)
    return Status(
        accepted=int(accepted or 0),
        oldest_received_age_seconds=age,
        **{state: by_state.get(state, 0) for state in DeliveryState},
    )


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
