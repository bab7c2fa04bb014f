"""Post an example of a mapping file as a new event: fresh ids, the present time, signed."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from jobs.common.money import money
from mappings.engine.common.suggest import hint
from mappings.engine.loading.mapping_set import MappingSet
from mappings.engine.types import Kind, Mapped
from receiver.authoring.triggers.examples import Example, examples_of, named, outcomes_of
from receiver.authoring.triggers.freshen import FreshExample, freshen
from receiver.authoring.triggers.values import FreshIds
from receiver.cli.common import options as arg
from receiver.cli.common.errors import MISUSE, CommandError
from receiver.cli.common.payloads import Payload
from receiver.cli.common.posting import Posted, post_as_vendor, print_settlement
from receiver.cli.common.session import Session
from receiver.terminal.output import Output

EXAMPLES = (
    "receiver trigger zendesk",
    "receiver trigger zendesk ticket-resolved ticket-reopened",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Triggered:
    """One example that was posted."""

    example: Example
    fresh: FreshExample
    posted: tuple[Posted, ...]


def trigger(
    source_name: Annotated[
        str | None,
        typer.Argument(metavar="SOURCE", help="The source's name.", show_default=False),
    ] = None,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="EXAMPLE",
            help="Its examples, by file, or by the rule that matches; without one they are listed."
            " Several share their new ids: a charge and its reversal.",
            show_default=False,
        ),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Post the same request twice: it bills once."),
    ] = False,
    url: arg.Url = None,
    as_json: arg.Json = False,
) -> None:
    """Post the examples, one after another; list them if none is named.

    CommandError on anything but a 2xx.
    """
    session, out = Session(), Output(as_json=as_json)
    known = _examples(session, source_name)
    if source_name is None or not names:
        _list(out, session.edited, known)
        return
    scheme = session.scheme(session.source(source_name))
    chosen = [_chosen(known, name, session.edited, source_name) for name in names]
    ids = FreshIds(now=time.time(), random=random.SystemRandom())
    # A second apart, so that what comes later in time comes later in the ledger.
    first = datetime.now(UTC) - timedelta(seconds=len(chosen) - 1)
    done = []
    for number, example in enumerate(chosen):
        at = first + timedelta(seconds=number)
        fresh = freshen(example, session.edited, ids=ids, now=at, id_place=scheme.id_place)
        done.append(_post(session, example, fresh, url, again=again))
        _show(session, out, done[-1])
    out.json_if_asked([_as_json(triggered) for triggered in done])
    refused = [posted for triggered in done for posted in triggered.posted if not posted.is_success]
    if refused:
        raise CommandError(f"{refused[0].url} answered {refused[0].status}")


def _examples(session: Session, source: str | None) -> list[Example]:
    """The examples of that source, or of all."""
    if source is not None:
        session.source(source)
    found = examples_of(session.edited, session.files())
    return [one for one in found if source in (None, one.source.name)]


def _chosen(known: Sequence[Example], name: str, mappings: MappingSet, source: str) -> Example:
    """The example of that name; CommandError names the nearest."""
    example = named(known, name, mappings)
    if example is not None:
        return example
    names = {one.short_name: None for one in known}
    names |= {word: None for one in known for word in outcomes_of(mappings.map(one.delivery()))}
    message = f"source {source} has no example {name!r}; {hint(name, names)}"
    raise CommandError(message, code=MISUSE)


def _post(
    session: Session, example: Example, fresh: FreshExample, url: str | None, *, again: bool
) -> Triggered:
    payload = Payload(body=fresh.body, headers=example.headers)
    first = post_as_vendor(session, example.source, payload, url)
    posted = (first, first.again()) if again else (first,)
    return Triggered(example=example, fresh=fresh, posted=posted)


def _show(session: Session, out: Output, done: Triggered) -> None:
    out.line(f"{done.example.name} → {gives(done.fresh.mapped)}")
    for one in done.fresh.replacements:
        out.line(f"  {one.kind:<5} {one.path}: {one.old} → {one.new}")
    for path in done.fresh.kept:
        out.line(f"  kept  {path}: the outcome needs it as it is")
    if not done.fresh.is_new:
        out.line("  the same outcome as before: it bills once")
    if not done.fresh.replacements:
        out.line("  nothing replaced: the rules read no id or time in it")
    for posted in done.posted:
        out.line(f"  {posted.status} {posted.text}")
    print_settlement(session, out, done.posted[0])


def _as_json(done: Triggered) -> dict[str, object]:
    return {
        "source": done.example.source.name,
        "example": done.example.name,
        "gives": gives(done.fresh.mapped),
        "replaced": [asdict(one) for one in done.fresh.replacements],
        "kept": list(done.fresh.kept),
        "new_outcome": done.fresh.is_new,
        "answers": [{"status": posted.status, "answer": posted.content} for posted in done.posted],
    }


def _list(out: Output, mappings: MappingSet, known: Sequence[Example]) -> None:
    mapped = [(one, gives(mappings.map(one.delivery()))) for one in known]
    if out.as_json:
        rows = [
            {"source": one.source.name, "example": one.short_name, "gives": what}
            for one, what in mapped
        ]
        out.json(rows)
        return
    if not mapped:
        out.line("no examples; `receiver example DELIVERY` makes one of a stored delivery")
        return
    out.table(
        ("source", "=example", "gives"),
        [(one.source.name, one.short_name, what) for one, what in mapped],
    )


def gives(mapped: Mapped) -> str:
    """What an example bills, in a few words."""
    if mapped.failures:
        return f"fails: {mapped.failures[0].reason}"
    outcomes = ", ".join(_outcomes(mapped)) or "nothing"
    is_shadow = mapped.shadow and mapped.outcomes
    return f"{outcomes} (in shadow: bills nothing)" if is_shadow else outcomes


def _outcomes(mapped: Mapped) -> Iterator[str]:
    for one in mapped.outcomes:
        if one.kind is not Kind.CHARGE:
            yield f"{one.rule} ({one.kind})"
        else:
            price = "" if one.amount_micros is None else money(one.amount_micros)
            yield f"{one.rule} {price} {one.currency} for {one.customer_id}"
