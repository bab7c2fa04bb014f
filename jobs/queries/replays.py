"""Replays as a list, newest first, with how far each is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import select

from jobs.queries.shape import Page, Shape
from jobs.replays.items import progress, results_of
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, Keyset
from jobs.storage.schema import replays


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
        results = await results_of(connection, [row["id"] for row in rows])
    return Page(items=tuple(_item(row, results[row["id"]]) for row in rows), next=following)


def _item(row: Mapping[Any, Any], results: Counter[str]) -> ReplayItem:
    stored = {name: row[name] for name in ("id", "filter", "created_at", "finished_at", "matched")}
    state = "done" if row["state"] == "done" else "running"
    return ReplayItem(**stored, state=state, **progress(results))
