"""`revenue`: what was billed, summed."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.queries.revenue import all_revenue, check_groups
from receiver.asking import billing_filter
from receiver.cli.output import Output
from receiver.cli.session import Session


def revenue(by: list[str], given: Mapping[str, str | None], *, as_json: bool) -> None:
    """All groups: a sum that silently lacked its tail would be wrong."""
    session, out = Session(), Output(as_json=as_json)
    groups = check_groups([name for one in by for name in one.split(",") if name])
    where = billing_filter(given, session.zone)
    items = session.run(all_revenue, where, by=groups, zone=session.zone)
    if as_json:
        out.json([item.as_json() for item in items])
        return
    if not items:
        filtered = any(value is not None for name, value in given.items() if name != "basis")
        out.line("nothing billed fits" if filtered else "nothing billed yet")
        return
    rows = [
        (*(getattr(i, name) for name in groups), i.currency, i.charges, i.reversals, i.amount)
        for i in items
    ]
    out.table((*groups, "currency", ">charges", ">reversals", ">amount"), rows)
