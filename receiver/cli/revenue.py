"""Sum the billing events, by currency and the names given with --by."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

import typer

from jobs.common.money import sums
from jobs.common.timestamps import in_utc
from jobs.filters import BillingFilter
from jobs.ledger.horizon import horizon_if_known
from jobs.queries.ledger.billing_events import parse_basis
from jobs.queries.ledger.revenue import all_revenue, check_groups
from receiver.cli.common import options as arg
from receiver.cli.common.filters import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

EXAMPLES = ("receiver revenue --by customer,month", "receiver revenue --since 30d")


def revenue(
    *,
    by: Annotated[
        list[str] | None,
        typer.Option(
            help="agent, customer, indicator, day, month; repeat, or separate with commas."
        ),
    ] = None,
    basis_name: Annotated[
        str | None,
        typer.Option(
            "--basis",
            help="occurred (default), or recorded: never changes once a period is past.",
        ),
    ] = None,
    as_json: arg.Json = False,
    **given: arg.RevenueFilter,
) -> None:
    """Print all groups: a truncated list would make a wrong sum."""
    session, out = Session(), Output(as_json=as_json)
    groups = check_groups([name for text in by or () for name in text.split(",") if name])
    basis = parse_basis(basis_name)
    where = BillingFilter.parse(given, session.zone)
    refuse_misspelt(session, where)
    complete_until = session.run(horizon_if_known) if basis == "recorded" else None
    items = session.run(all_revenue, where, by=groups, zone=session.zone, basis=basis)
    if complete_until is not None:
        out.say(f"complete until {in_utc(complete_until)}: what is recorded before stays as it is")
    if as_json:
        out.json([item.as_json() for item in items])
        return
    if not items:
        out.line("nothing billed yet" if where.is_empty() else "nothing billed fits")
        return
    rows = [
        (*(getattr(i, name) for name in groups), i.currency, i.charges, i.reversals, i.amount)
        for i in items
    ]
    heads = (*groups, "currency", ">charges", ">reversals", ">amount")
    if any(item.payable is not None for item in items):
        heads = (*heads, ">payable")
        rows = [(*row, i.payable or i.amount) for row, i in zip(rows, items, strict=True)]
    out.table(heads, rows)
    if len(items) > 1:
        out.line(f"in all: {sums((item.currency, Decimal(item.amount)) for item in items)}")
