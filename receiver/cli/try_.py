"""Show what a payload would bill, and for each rule why or why not."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from jobs.common.money import money
from jobs.queries.deliveries.delivery_input import read_input
from jobs.queries.identification import IdKind, whole_id
from mappings.engine.loading.load import MappingSet
from mappings.engine.redact.paths import NotRedactable
from mappings.engine.tooling.trace import Trace, TracedEvent, TracedRule, TracedValue, trace
from mappings.engine.types import DeliveryInput, Failure, Kind, Outcome
from receiver.cli.common import options as arg
from receiver.cli.common.errors import PROBLEM, CommandError
from receiver.cli.common.payloads import STANDARD_INPUT, Payload, payload_of
from receiver.cli.common.session import Session
from receiver.terminal.output import Output, counted

EXAMPLES = (
    "receiver try zendesk mappings/examples/zendesk-solved.json",
    "receiver try zendesk 01a208d2",
)

SHOWN_CHARACTERS = 160


def try_(
    source_name: arg.SourceName,
    what: Annotated[
        str, typer.Argument(metavar="FILE|DELIVERY", help="A payload file, - or a delivery's id.")
    ],
    header: arg.Header = None,
    as_json: arg.Json = False,
) -> None:
    """Print the trace; CommandError if the delivery would fail."""
    session, out = Session(), Output(as_json=as_json)
    source = session.source(source_name)
    if what == STANDARD_INPUT or Path(what).exists():
        payload = payload_of(session.settings.mappings, source, what).with_headers(header or ())
        delivery = _redacted(session.edited, _input_of(source_name, payload))
    else:
        delivery = _stored(session, source_name, what)
    found = trace(session.edited, delivery)
    if as_json:
        out.json(found.as_json())
    else:
        _show(out, found)
    failures = _failures(found)
    if failures:
        raise CommandError(
            f"it would fail as {failures[0].reason}: {failures[0].detail}", code=PROBLEM
        )


def _input_of(source: str, payload: Payload) -> DeliveryInput:
    """A file as a delivery of now; how old its outcomes are does not count."""
    given = payload.example.received_at if payload.example else None
    return DeliveryInput(
        source=source,
        body=payload.body,
        headers=payload.headers,
        received_at=datetime.fromisoformat(given) if given else datetime.now(UTC),
        vendor_id=payload.delivery_id,
        oldest_days=None,
    )


def _redacted(mappings: MappingSet, delivery: DeliveryInput) -> DeliveryInput:
    """The delivery as a worker would see it."""
    try:
        return mappings.redacted(delivery)
    except NotRedactable as error:
        message = "it would be answered 503 and not stored: values are to be taken out of it, and "
        raise CommandError(message + str(error), code=PROBLEM) from None


def _stored(session: Session, source: str, delivery_id: str) -> DeliveryInput:
    """A delivery in the database, as `source` would take it."""
    oldest = session.settings.max_outcome_age_days
    whole = session.run(whole_id, delivery_id, {IdKind.DELIVERY})
    found = session.run(read_input, whole, source=source, oldest_days=oldest)
    if found is None:
        message = f"{delivery_id!r} is neither a file nor a delivery"
        raise CommandError(message)
    return found


def _failures(found: Trace) -> list[Failure]:
    of_rules = (rule.failure for event in found.events for rule in event.rules)
    return [*found.failures, *(failure for failure in of_rules if failure is not None)]


def _show(out: Output, found: Trace) -> None:
    for event in found.events:
        _show_event(out, event, many=len(found.events) > 1)
    for failure in found.failures:
        out.line(Text(f"cannot be read: {failure.detail}", style="red"))
    outcomes = [r.outcome for e in found.events for r in e.rules if r.outcome is not None]
    failures = len(_failures(found))
    out.line()
    if failures:
        held = f", holding back {counted(len(outcomes), 'outcome')}" if outcomes else ""
        out.line(f"would bill nothing: it fails{held}")
    elif not outcomes:
        out.line("would bill nothing: no rule matched")
    else:
        shadow = " (in shadow: nothing is billed)" if found.shadow else ""
        out.line(f"would bill{shadow}:")
        for outcome in outcomes:
            out.line(f"  {_summary(outcome)}")


def _show_event(out: Output, event: TracedEvent, *, many: bool) -> None:
    if many:
        out.line(f"event {event.index}")
    for let in event.lets:
        out.line(f"  {let.name} = {let.error or _shown(let.value)}")
    for rule in event.rules:
        _show_rule(out, rule)


def _show_rule(out: Output, rule: TracedRule) -> None:
    verdict, style = {
        True: ("matches", "green"),
        False: ("does not match", "dim"),
        None: ("cannot be decided", "red"),
    }[rule.matched]
    out.line(Text.assemble("\n", (rule.rule, "bold"), " ", (verdict, style)))
    _show_value(out, rule.when, depth=1)
    for field in rule.fields:
        out.line(f"  {field.name}: {field.error or _shown(field.value)}")
    if rule.outcome is not None:
        out.line(f"  key: {rule.outcome.key}")
    if rule.price is not None:
        out.line(f"  price: {rule.price}")
    if rule.failure is not None:
        out.line(Text(f"  {rule.failure.reason}: {rule.failure.detail}", style="red"))


def _show_value(out: Output, value: TracedValue, *, depth: int) -> None:
    indent = "  " * depth
    out.line(f"{indent}{value.text} → {value.error or _shown(value.value)}")
    if value.warning:
        out.line(Text(f"{indent}  ! {value.warning}", style="yellow"))
    for part in value.parts:
        if not _is_literal(part):
            _show_value(out, part, depth=depth + 1)


def _is_literal(value: TracedValue) -> bool:
    """Whether the value is the same as its text."""
    return value.error is None and value.text == json.dumps(value.value, ensure_ascii=False)


def _summary(outcome: Outcome) -> str:
    triple = " / ".join(part or "-" for part in outcome.triple)
    if outcome.kind is not Kind.CHARGE:
        verb = "takes back" if outcome.kind is Kind.REVERSAL else "brings back"
        return f"{outcome.rule}: {verb} the charge of {outcome.key}"
    amount = "" if outcome.amount_micros is None else f" {money(outcome.amount_micros)}"
    return f"{outcome.rule}:{amount} {outcome.currency} for {triple}, once for {outcome.key}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 1]}…"
