"""List accepted outcomes that may not have billed as expected, with the remediation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text

from jobs.exceptions.register import dismiss
from jobs.queries.exceptions.examples import (
    AmountDiffers,
    Example,
    LookalikeCustomer,
    WaitingReversal,
)
from jobs.queries.exceptions.listing import ExceptionItem, read_exceptions
from jobs.queries.exceptions.texts import parse_kinds
from receiver.cli.common import options as arg
from receiver.cli.common.consent import actor, require_note
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver exceptions",
    "receiver exceptions --dismiss KEY --note 'agreed with the customer'",
)


def exceptions(
    kind: Annotated[
        str | None,
        typer.Option(
            help="waiting-reversal, amount-differs, lookalike-customer or unused-price only."
        ),
    ] = None,
    examples: Annotated[
        int, typer.Option(min=0, max=1_000, help="At most this many of each kind.")
    ] = 10,
    dismiss_keys: Annotated[
        list[str] | None,
        typer.Option(
            "--dismiss",
            metavar="KEY",
            help="Dismiss the exceptions of this outcome key; may be repeated. Needs --note.",
            show_default=False,
        ),
    ] = None,
    note: arg.Note = None,
    as_json: arg.Json = False,
) -> None:
    """Print the kinds of which there are any, each with its latest examples."""
    if dismiss_keys:
        _dismiss(kind, dismiss_keys, note=note, as_json=as_json)
        return
    session, out = Session(), Output(as_json=as_json)
    items = session.run(
        read_exceptions, session.mappings(), kinds=parse_kinds(kind), examples=examples
    )
    if as_json:
        out.json(items)
        return
    if not items:
        out.line("no exceptions")
    for place, item in enumerate(items):
        if place:
            out.line()
        _show(out, item)


def _dismiss(kind: str | None, keys: Sequence[str], *, note: str | None, as_json: bool) -> None:
    """Dismiss the exceptions of these outcome keys, and print how many those were."""
    session, out = Session(), Output(as_json=as_json)
    note = require_note(note, "say why this is no exception")
    kinds = parse_kinds(kind)
    number = session.run(dismiss, list(keys), actor=actor(), note=note, kinds=kinds)
    out.json_if_asked({"dismissed": number})
    out.line(f"{counted(number, 'exception')} dismissed")


def _show(out: Output, item: ExceptionItem) -> None:
    out.line(Text(f"{item.count} x {item.kind}", style="bold"))
    out.line(f"  {item.detail}")
    if item.first_at and item.last_at:
        out.line(f"  first {item.first_at:%Y-%m-%d %H:%M:%SZ}, last {item.last_at:%F %H:%M:%SZ}")
    out.line(f"  {item.remediation}")
    for example in item.examples:
        out.line(f"  - {_in_words(example)}")
        out.command(example.command, indent=4)
    if item.count > len(item.examples):
        out.say(f"  the latest {len(item.examples)} of {item.count}; --examples shows more")


def _in_words(example: Example) -> str:
    if isinstance(example, WaitingReversal):
        near = f"; {example.nearest_key} has an open charge" if example.nearest_key else ""
        by = example.delivery or "none: by hand"
        return f"{example.outcome_key}, reversed by delivery {by}{near}"
    if isinstance(example, AmountDiffers):
        billed, reported = (
            f"{amount.amount} {amount.currency}" for amount in (example.billed, example.reported)
        )
        later = f"{reported} reported by delivery {example.delivery}"
        return f"{example.outcome_key}: {billed} billed, {later}"
    if isinstance(example, LookalikeCustomer):
        return ", ".join(example.customers)
    return example.detail
