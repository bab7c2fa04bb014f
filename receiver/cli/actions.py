"""List what people did: replays, discards, corrections, purges; newest first (100 by default)."""

from __future__ import annotations

from jobs.filters import ActionFilter
from jobs.queries.actions import ActionEntry, list_actions
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT
from receiver.cli.common import options as arg
from receiver.cli.common.formatting import filter_text
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output

EXAMPLES = ("receiver actions", "receiver actions --kind replay --since 7d")


def actions(
    *, limit: arg.Limit = None, as_json: arg.Json = False, **given: arg.ActionFilter
) -> None:
    """Print the newest actions that match."""
    session, out = Session(), Output(as_json=as_json)
    where = ActionFilter.parse(given, session.zone)
    items = session.run(_newest, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
    elif items:
        columns = ("=at", "=id", "kind", "by", ">count", "which", "note")
        out.table(columns, [_row(item) for item in items])
    else:
        out.line("no action matches" if any(given.values()) else "no actions yet")


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
    return (
        item.at,
        item.id,
        item.kind,
        item.actor,
        item.count,
        filter_text(item.filter),
        item.note,
    )
