"""List the rules: how often each matched or erred, and which never matched."""

from __future__ import annotations

from jobs.queries.sources.rules import RuleItem, known_rules, read_rules
from receiver.cli.common import options as arg
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output

EXAMPLES = ("receiver rules", "receiver rules --json")


def rules(as_json: arg.Json = False) -> None:
    """Print every rule of the mappings, and those that only the records know."""
    session, out = Session(), Output(as_json=as_json)
    items = session.run(read_rules, known_rules(session.mappings()))
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    columns = ("source", "rule", "mode", ">matched", ">errored", "last match", "note")
    out.table(columns, [_row(item) for item in items])


def _row(item: RuleItem) -> tuple[Cell, ...]:
    note = None
    if item.mode is None:
        note = "no longer in the mappings"
    elif item.mode == "shadow":
        note = "matches in shadow are not recorded"
    elif item.never_matched_in:
        note = f"never matched in {item.never_matched_in} deliveries"
    counts = (item.matched, item.errored, item.last_match)
    return (item.source, item.rule, item.mode, *counts, note)
