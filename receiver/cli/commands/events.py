"""`events`: the lines of the ledger, for people, spreadsheets and programs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from enum import StrEnum

from jobs.database import Database
from jobs.queries.billing import BillingFilter, all_billing_events
from jobs.queries.billing_csv import csv_header, csv_lines
from jobs.queries.paging import DEFAULT_LIMIT
from jobs.queries.shapes import BillingEventItem
from receiver.asking import billing_filter
from receiver.cli.naming import refuse_misspelt
from receiver.cli.output import Cell, Output, counted
from receiver.cli.session import Session
from receiver.cli.trouble import MISUSE, Trouble

Items = tuple[BillingEventItem, ...]


class Form(StrEnum):
    """In which form they are printed."""

    TABLE = "a table"
    JSON = "--json"
    JSONL = "--jsonl"
    CSV = "--csv"


#: What is streamed: all that fits, a page at a time.
STREAMED = (Form.JSONL, Form.CSV)


def form_of(*, as_json: bool, as_csv: bool, as_jsonl: bool) -> Form:
    """The form that was asked for. Raises Trouble for more than one."""
    asked = {Form.JSON: as_json, Form.JSONL: as_jsonl, Form.CSV: as_csv}
    chosen = [form for form, is_asked in asked.items() if is_asked]
    if len(chosen) > 1:
        raise Trouble(f"choose one of {' and '.join(chosen)}", code=MISUSE)
    return chosen[0] if chosen else Form.TABLE


def events(given: Mapping[str, str | None], form: Form, *, limit: int | None) -> None:
    """The billing events that fit, latest recorded first."""
    session, out = Session(), Output(as_json=form is Form.JSON)
    where = billing_filter(given, session.zone)
    refuse_misspelt(session, where)
    if form in STREAMED:
        session.run(_stream, where, limit, out, form)
        return
    items = session.run(_collect, where, limit or DEFAULT_LIMIT)
    if form is Form.JSON:
        out.json([item.model_dump(mode="json") for item in items])
        return
    if not items:
        out.line("nothing billed fits" if any(given.values()) else "nothing billed yet")
        return
    show_events(out, items)
    if len(items) == (limit or DEFAULT_LIMIT):
        out.say(f"the latest {counted(len(items), 'billing event')}; --limit shows more")


def show_events(out: Output, items: Iterable[BillingEventItem]) -> None:
    """A table of billing events."""
    columns = ("=id", "kind", ">amount", "=occurred", "agent", "customer", "indicator", "from")
    out.table(columns, [_row(item) for item in items])


def write_page(out: Output, form: Form, items: Items) -> None:
    """A page in a form that is streamed."""
    if form is Form.CSV:
        out.write(csv_lines(items))
        return
    for item in items:
        out.json_line(item.model_dump(mode="json"))


async def _stream(
    database: Database, where: BillingFilter, limit: int | None, out: Output, form: Form
) -> None:
    if form is Form.CSV:
        out.write(csv_header())
    async for items in all_billing_events(database, where, limit=limit):
        write_page(out, form, items)


async def _collect(database: Database, where: BillingFilter, limit: int) -> list[BillingEventItem]:
    pages: AsyncIterator[Items] = all_billing_events(database, where, limit=limit)
    return [item async for items in pages for item in items]


def _row(item: BillingEventItem) -> tuple[Cell, ...]:
    amount = f"{item.amount} {item.currency}"
    triple = (item.agent_id, item.customer_id, item.indicator)
    return (item.id, item.kind, amount, item.occurred_at, *triple, f"{item.source} {item.outcome}")
