"""What people did, newest first: who, what, when, to which, to how many, and why."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.filters import ActionFilter
from jobs.queries.shape import Page, Shape
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, Keyset
from jobs.storage.schema import actions


class ActionItem(Shape):
    """What a person did: who, what, when and why."""

    id: str
    kind: str
    actor: str
    at: AwareDatetime
    note: str | None


class ActionEntry(ActionItem):
    """What a person did, to what and to how many."""

    filter: dict[str, Any]
    count: int
    detail: dict[str, Any]


_NEWEST = Keyset("actions", actions.c.at, actions.c.id)
_FIELDS = tuple(actions.c[name] for name in ActionEntry.model_fields)


async def list_actions(
    database: Database,
    where: ActionFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[ActionEntry]:
    """The newest actions that fit, after `cursor` if given; raises FilterInvalid."""
    query = select(*_FIELDS).where(where.where())
    async with database.read() as connection:
        rows, following = await _NEWEST.page(connection, query, limit=limit, cursor=cursor)
    return Page(items=tuple(ActionEntry.model_validate(dict(row)) for row in rows), next=following)


async def read_action(database: Database, action_id: str) -> ActionEntry | None:
    """One action; None if unknown."""
    async with database.read() as connection:
        result = await connection.execute(select(*_FIELDS).where(actions.c.id == action_id))
        row = result.mappings().one_or_none()
    return None if row is None else ActionEntry.model_validate(dict(row))


async def actions_of(connection: AsyncConnection, ids: Collection[str | None]) -> list[ActionItem]:
    """These actions, in the order they were done; None is no action."""
    query = select(*(actions.c[name] for name in ActionItem.model_fields))
    named = actions.c.id.in_({action_id for action_id in ids if action_id is not None})
    rows = (await connection.execute(query.where(named).order_by(actions.c.id))).mappings()
    return [ActionItem.model_validate(dict(row)) for row in rows]
