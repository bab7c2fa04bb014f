"""List billing events, latest recorded first (100 by default).

For exports use --after: it misses no event and repeats none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated

import typer

from jobs.common.money import sums
from jobs.common.timestamps import in_utc
from jobs.filters import BillingFilter
from jobs.queries.identification import IdKind, whole_id
from jobs.queries.ledger.billing_events import (
    BillingEventItem,
    all_billing_events,
    list_billing_events,
)
from jobs.queries.ledger.export import csv_header, csv_lines, read_forward
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.filters import newest, refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Columns, Output, counted

EXAMPLES = ("receiver events --customer acme --since 30d", "receiver events --csv --after ''")

COLUMNS: Columns[BillingEventItem] = {
    "=id": lambda item: item.id,
    "kind": lambda item: item.kind,
    ">amount": lambda item: f"{item.amount} {item.currency}",
    "=occurred": lambda item: item.occurred_at,
    "agent": lambda item: item.agent_id,
    "customer": lambda item: item.customer_id,
    "indicator": lambda item: item.indicator,
    "from": lambda item: f"{item.source} {item.outcome}",
}


class Form(StrEnum):
    """In which form they are printed."""

    TABLE = "a table"
    JSON = "--json"
    JSONL = "--jsonl"
    CSV = "--csv"


@dataclass(slots=True)
class Forward:
    """How far an export is: the cursor behind what was read, and up to when that is complete."""

    cursor: str
    complete_until: datetime | None = None
    items: list[BillingEventItem] = field(default_factory=list)


#: What is streamed: all that fits, a page at a time.
STREAMED = (Form.JSONL, Form.CSV)


def form_of(*, as_json: bool, as_csv: bool, as_jsonl: bool) -> Form:
    """The form that was asked for. Raises CommandError for more than one."""
    asked = {Form.JSON: as_json, Form.JSONL: as_jsonl, Form.CSV: as_csv}
    chosen = [form for form, is_asked in asked.items() if is_asked]
    if len(chosen) > 1:
        raise CommandError(f"choose one of {' and '.join(chosen)}", code=MISUSE)
    return chosen[0] if chosen else Form.TABLE


def events(
    *,
    after: Annotated[
        str | None,
        typer.Option(
            metavar="CURSOR",
            help="Read forwards, in the order of commitment, what is complete after this cursor;"
            " '' from the first. Prints the next cursor to stderr (with --json in `next`).",
            show_default=False,
        ),
    ] = None,
    limit: arg.Limit = None,
    as_csv: Annotated[
        bool, typer.Option("--csv", help="Print CSV: all that match, unless --limit is given.")
    ] = False,
    as_jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object a line, likewise.")
    ] = False,
    as_json: arg.Json = False,
    **given: arg.BillingFilter,
) -> None:
    """Print the billing events that match, latest recorded first; forwards with `after`."""
    form = form_of(as_json=as_json, as_csv=as_csv, as_jsonl=as_jsonl)
    session, out = Session(), Output(as_json=form is Form.JSON)
    where = BillingFilter.parse(given, session.zone)
    if where.delivery is not None:
        delivery = session.run(whole_id, where.delivery, {IdKind.DELIVERY})
        where = where.model_copy(update={"delivery": delivery})
    refuse_misspelt(session, where)
    if after is not None:
        _export(out, session.run(_forward, where, after, limit, out, form), form)
        return
    if form in STREAMED:
        session.run(_stream, where, limit, out, form)
        return
    items = session.run(newest, list_billing_events, where, limit)
    if form is Form.JSON:
        out.json(items)
        return
    if not items:
        out.line("nothing billed fits" if any(given.values()) else "nothing billed yet")
        return
    show_events(out, items)
    if len(items) == (limit or DEFAULT_LIMIT):
        out.say(f"the latest {counted(len(items), 'billing event')}; --limit shows more")


def show_events(out: Output, items: Sequence[BillingEventItem]) -> None:
    """A table of billing events."""
    out.records(COLUMNS, items)
    if items:
        amounts = sums((item.currency, Decimal(item.amount)) for item in items)
        out.line(f"{counted(len(items), 'billing event')}: {amounts}")


def write_page(out: Output, form: Form, items: Sequence[BillingEventItem]) -> None:
    """A page in a form that is streamed."""
    if form is Form.CSV:
        out.write(csv_lines(items))
        return
    for item in items:
        out.json_line(item)


def _export(out: Output, found: Forward, form: Form) -> None:
    """What was read forwards, and where to go on: in the object with --json, else on stderr."""
    complete_until = None if found.complete_until is None else in_utc(found.complete_until)
    if form is Form.JSON:
        out.json({"items": found.items, "next": found.cursor, "complete_until": complete_until})
        return
    if form is Form.TABLE:
        show_events(out, found.items)
    out.say(f"complete until {complete_until}; go on with --after {found.cursor}")


async def _forward(
    database: Database, where: BillingFilter, after: str, limit: int | None, out: Output, form: Form
) -> Forward:
    """All complete pages behind the cursor, or this many lines; what is streamed is not kept."""
    found, left = Forward(after), limit
    if form is Form.CSV:
        out.write(csv_header())
    while True:
        size = MAX_LIMIT if left is None else min(left, MAX_LIMIT)
        page = await read_forward(database, where, after=found.cursor, limit=size)
        if form in STREAMED:
            write_page(out, form, page.items)
        else:
            found.items += page.items
        # Forwards there always is a next.
        found.cursor, found.complete_until = page.next or found.cursor, page.complete_until
        left = None if left is None else left - len(page.items)
        if len(page.items) < size or left == 0:
            return found


async def _stream(
    database: Database, where: BillingFilter, limit: int | None, out: Output, form: Form
) -> None:
    if form is Form.CSV:
        out.write(csv_header())
    async for items in all_billing_events(database, where, limit=limit):
        write_page(out, form, items)
