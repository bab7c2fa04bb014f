"""List what people did: replays, discards, corrections, purges; newest first (100 by default)."""

from __future__ import annotations

from jobs.filters import ActionFilter
from jobs.queries.actions import ActionEntry, list_actions
from receiver.cli.common import options as arg
from receiver.cli.common.filters import filter_text, newest
from receiver.cli.common.session import Session
from receiver.terminal.output import Columns, Output

EXAMPLES = ("receiver actions", "receiver actions --kind replay --since 7d")

COLUMNS: Columns[ActionEntry] = {
    "=at": lambda action: action.at,
    "=id": lambda action: action.id,
    "kind": lambda action: action.kind,
    "by": lambda action: action.actor,
    ">count": lambda action: action.count,
    "which": lambda action: filter_text(action.filter),
    "note": lambda action: action.note,
}


def actions(
    *, limit: arg.Limit = None, as_json: arg.Json = False, **given: arg.ActionFilter
) -> None:
    """Print the newest actions that match."""
    session, out = Session(), Output(as_json=as_json)
    where = ActionFilter.parse(given, session.zone)
    items = session.run(newest, list_actions, where, limit)
    if as_json:
        out.json(items)
    elif items:
        out.records(COLUMNS, items)
    else:
        out.line("no action matches" if any(given.values()) else "no actions yet")
