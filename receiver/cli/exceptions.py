"""`exceptions`: what was taken and not billed as someone may expect, with what fixes it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from jobs.exceptions.dismissal import dismiss
from jobs.queries.exceptions.examples import (
    AmountDiffers,
    Example,
    LookalikeCustomer,
    WaitingReversal,
)
from jobs.queries.exceptions.listing import ExceptionItem, read_exceptions
from receiver.api.filter_params import exception_kinds
from receiver.cli.common.errors import MISUSE, Trouble
from receiver.cli.common.session import Session
from receiver.cli.replay import actor
from receiver.terminal.output import Output, counted


def exceptions(kind: str | None, *, examples: int, as_json: bool) -> None:
    """The kinds of which there are any, each with its latest examples."""
    session, out = Session(), Output(as_json=as_json)
    items = session.run(
        read_exceptions, session.mappings(), kinds=exception_kinds(kind), examples=examples
    )
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    if not items:
        out.line("no exceptions")
    for place, item in enumerate(items):
        if place:
            out.line()
        _show(out, item)


def dismiss_them(
    kind: str | None, names: Sequence[str], *, note: str | None, as_json: bool
) -> None:
    """Put the exceptions of these outcome keys away, and say how many that were."""
    session, out = Session(), Output(as_json=as_json)
    if not (note or "").strip():
        raise Trouble("--note is missing; say why this is no exception", code=MISUSE)
    number = session.run(
        dismiss, list(names), actor=actor(), note=note or "", kinds=exception_kinds(kind)
    )
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


def _in_words(one: Example) -> str:
    if isinstance(one, WaitingReversal):
        near = f"; {one.nearest_key} has an open charge" if one.nearest_key else ""
        return f"{one.outcome_key}, reversed by delivery {one.delivery or 'none: by hand'}{near}"
    if isinstance(one, AmountDiffers):
        billed = f"{one.billed.amount} {one.billed.currency} billed"
        later = f"{one.reported.amount} {one.reported.currency} reported by delivery {one.delivery}"
        return f"{one.outcome_key}: {billed}, {later}"
    if isinstance(one, LookalikeCustomer):
        return ", ".join(one.customers)
    return one.detail
