"""Replays as a list, newest first, with how far each is."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.states import DeliveryState
from jobs.queries.shape import Page, Shape
from jobs.replays.items import NO_BODY, OTHER_MAPPINGS, UNCHANGED
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, Keyset
from jobs.storage.schema import replay_items, replays


class ReplayItem(Shape):
    """A replay in a list; how far it is as in `Progress`, without its differences."""

    id: str
    state: Literal["running", "done"]
    filter: dict[str, Any]
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    matched: int
    done: int
    recorded: int
    ignored: int
    failed: int
    unchanged: int
    unchanged_no_body: int
    not_replayed: int = 0


_NEWEST = Keyset("replays", replays.c.created_at, replays.c.id)


async def list_replays(
    database: Database, *, limit: int = DEFAULT_LIMIT, cursor: str | None = None
) -> Page[ReplayItem]:
    """The newest replays, after `cursor` if given; raises FilterInvalid."""
    query = select(replays)
    async with database.snapshot() as connection:
        rows, following = await _NEWEST.page(connection, query, limit=limit, cursor=cursor)
        counts = await _counts(connection, [row["id"] for row in rows])
    return Page(items=tuple(_item(row, counts[row["id"]]) for row in rows), next=following)


async def _counts(connection: AsyncConnection, ids: Sequence[str]) -> Mapping[str, Counter[str]]:
    items = replay_items.c
    query = (
        select(items.replay_id, items.result, func.count())
        .where(items.replay_id.in_(ids), items.result.is_not(None))
        .group_by(items.replay_id, items.result)
    )
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for replay_id, result, number in await connection.execute(query):
        found[replay_id][result] = number
    return found


def _item(row: Mapping[Any, Any], counts: Counter[str]) -> ReplayItem:
    return ReplayItem(
        id=row["id"],
        state="done" if row["state"] == "done" else "running",
        filter=row["filter"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        matched=row["matched"],
        done=counts.total(),
        recorded=counts[DeliveryState.RECORDED],
        ignored=counts[DeliveryState.IGNORED],
        failed=counts[DeliveryState.FAILED],
        unchanged=counts[UNCHANGED] + counts[NO_BODY],
        unchanged_no_body=counts[NO_BODY],
        not_replayed=counts[OTHER_MAPPINGS],
    )
