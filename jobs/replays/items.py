"""What became of the deliveries of a replay.

Owns that whoever settles a released delivery, in whatever way, answers the replays that wait for
it, in the same transaction; and what is said of one that a replay leaves as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.storage.schema import replay_items

#: The results of a delivery that a replay left as it is: compared, or without a body to settle.
UNCHANGED = "unchanged"
NO_BODY = "no-body"
#: The result of one that was not replayed: other mappings are in force than the replay names.
OTHER_MAPPINGS = "other-mappings"


def left_as_it_is(delivery: Mapping[Any, Any]) -> str:
    """The result of a row of `deliveries` that was not released; `has_body` says the rest."""
    return UNCHANGED if delivery["has_body"] else NO_BODY


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
