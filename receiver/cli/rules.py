"""List the rules: how often each matched or erred, and which never matched."""

from __future__ import annotations

from jobs.queries.sources.rules import RuleItem, known_rules, read_rules
from receiver.cli.common import options as arg
from receiver.cli.common.session import Session
from receiver.terminal.output import Columns, Output

EXAMPLES = ("receiver rules", "receiver rules --json")


def _note(item: RuleItem) -> str | None:
    if item.mode is None:
        return "no longer in the mappings"
    if item.mode == "shadow":
        return "matches in shadow are not recorded"
    if item.never_matched_in:
        return f"never matched in {item.never_matched_in} deliveries"
    return None


COLUMNS: Columns[RuleItem] = {
    "source": lambda item: item.source,
    "rule": lambda item: item.rule,
    "mode": lambda item: item.mode,
    ">matched": lambda item: item.matched,
    ">errored": lambda item: item.errored,
    "last match": lambda item: item.last_match,
    "note": _note,
}


def rules(as_json: arg.Json = False) -> None:
    """Print every rule of the mappings, and those that only the records know."""
    session, out = Session(), Output(as_json=as_json)
    items = session.run(read_rules, known_rules(session.mappings()))
    if as_json:
        out.json(items)
    else:
        out.records(COLUMNS, items)
