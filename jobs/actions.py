"""The record of what people did: who, what, when, which of it, and why. Append only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.ids import new_id
from jobs.storage.schema import actions

ActionKind = Literal[
    "discard", "dismiss", "purge", "rebill", "reinstate", "replay", "reverse", "timezone"
]
KINDS: tuple[ActionKind, ...] = get_args(ActionKind)


async def note_action(
    connection: AsyncConnection,
    *,
    kind: ActionKind,
    actor: str,
    where: dict[str, Any],
    count: int,
    note: str | None,
    detail: dict[str, Any],
    action_id: str | None = None,
    at: datetime | None = None,
) -> str:
    """Write the entry in the transaction of the action; return its id, a new one unless given."""
    action_id = action_id or new_id()
    await connection.execute(
        insert(actions).values(
            id=action_id,
            kind=kind,
            actor=actor,
            at=at or datetime.now(UTC),
            filter=where,
            count=count,
            note=note,
            detail=detail,
        )
    )
    return action_id
