"""The results of the deliveries of a replay.

Owns that each transaction that settles a delivery, in whatever way, notes the result in the replays
that released it (`note_results`, passed to settling by `jobs.worker`), which result a delivery
has that a replay does not release, and how many deliveries have which result.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.states import DeliveryState
from jobs.storage.schema import replay_items

#: The results of a delivery that a replay left as it is: compared, or without a body to settle.
UNCHANGED = "unchanged"
NO_BODY = "no-body"
#: The result of one that was not replayed: other mappings are in force than the replay names.
OTHER_MAPPINGS = "other-mappings"


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


def unreleased_result(delivery: Mapping[Any, Any]) -> str:
    """The result of a row of `deliveries` that was not released; `has_body` decides it."""
    return UNCHANGED if delivery["has_body"] else NO_BODY


async def results_of(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Counter[str]]:
    """How many deliveries of each of these replays have which result."""
    items = replay_items.c
    query = (
        select(items.replay_id, items.result, func.count())
        .where(items.replay_id.in_(ids), items.result.is_not(None))
        .group_by(items.replay_id, items.result)
    )
    results: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for replay_id, result, number in await connection.execute(query):
        results[replay_id][result] = number
    return results


def progress(results: Counter[str]) -> dict[str, int]:
    """How far a replay is, as lists and a single replay show it."""
    return {
        "done": results.total(),
        "recorded": results[DeliveryState.RECORDED],
        "ignored": results[DeliveryState.IGNORED],
        "failed": results[DeliveryState.FAILED],
        "unchanged": results[UNCHANGED] + results[NO_BODY],
        "unchanged_no_body": results[NO_BODY],
        "not_replayed": results[OTHER_MAPPINGS],
    }
