"""What a settled delivery answers to the replays that released it.

Owns that each transaction that settles a delivery, in whatever way, notes the result in those
replays. What else a replay is made of is in `jobs/replays`.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.schema import replay_items


async def note_results(connection: AsyncConnection, ids: Sequence[str], state: str) -> None:
    """Note `state` as the result of these deliveries in all replays that released them."""
    await connection.execute(
        update(replay_items)
        .where(
            replay_items.c.delivery_id.in_(ids),
            replay_items.c.released == 1,
            replay_items.c.result.is_(None),
        )
        .values(result=state)
    )
