"""What became of the deliveries of a replay.

Owns that whoever settles a released delivery, in whatever way, answers the replays that wait for
it, in the same transaction.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.schema import replay_items


async def answer_replays(connection: AsyncConnection, ids: Sequence[str], state: str) -> None:
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
