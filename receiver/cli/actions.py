"""`actions`: who did what, when, to which and why."""

from __future__ import annotations

import json
from collections.abc import Mapping

from jobs.queries.actions import ActionEntry, ActionFilter, list_actions
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT
from receiver.api.filter_params import action_filter
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output


def actions(given: Mapping[str, str | None], *, limit: int | None, as_json: bool) -> None:
    """The newest that fit."""
    session, out = Session(), Output(as_json=as_json)
    where = action_filter(given, session.zone)
    items = session.run(_newest, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
    elif items:
        columns = ("=at", "=id", "kind", "by", ">count", "which", "note")
        out.table(columns, [_row(item) for item in items])
    else:
        out.line("nothing that fits was done" if any(given.values()) else "nothing was done yet")


async def _newest(database: Database, where: ActionFilter, limit: int) -> list[ActionEntry]:
    items: list[ActionEntry] = []
    cursor = None
    while len(items) < limit:
        size = min(limit - len(items), MAX_LIMIT)
        page = await list_actions(database, where, limit=size, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return items


def _row(item: ActionEntry) -> tuple[Cell, ...]:
    return (item.at, item.id, item.kind, item.actor, item.count, which(item.filter), item.note)


def which(given: Mapping[str, object]) -> str | None:
    """A filter in one line; of many ids only their number."""
    return ", ".join(f"{name} {_value(value)}" for name, value in given.items()) or None


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"{value[0]}" if len(value) == 1 else f"({len(value)})"
    return value if isinstance(value, str) else json.dumps(value)
