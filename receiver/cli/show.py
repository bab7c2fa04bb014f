"""Show everything recorded under an id; for a delivery, its bytes and what they billed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import select

from jobs.privacy.evidence import WHY_GONE
from jobs.queries.actions import ActionEntry, ActionItem, read_action
from jobs.queries.deliveries.evidence import DeliveryEvidence, read_delivery
from jobs.queries.identification import IdKind, Named, identify
from jobs.queries.ledger.billing_events import BillingEventItem
from jobs.queries.ledger.outcomes import OutcomeItem
from jobs.queries.ledger.story import (
    BillingEventEvidence,
    KeyOutcomeItem,
    OutcomeKeyStory,
    VersionText,
    read_billing_event,
    read_outcome_key,
    read_version,
)
from jobs.replays.replay import ReplayStatus, replay_status
from jobs.storage.database import Database
from jobs.storage.schema import outcomes
from receiver.cli.common import options as arg
from receiver.cli.common.errors import CommandError
from receiver.cli.common.filters import filter_text
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output, counted, state_text, why

EXAMPLES = ("receiver show 01a208d2", "receiver show 4711")

Story = (
    DeliveryEvidence
    | BillingEventEvidence
    | OutcomeKeyStory
    | ReplayStatus
    | ActionEntry
    | VersionText
)

_LOOKED_FOR = (
    "deliveries and their vendors' ids, billing events, outcomes, outcome keys and their values, "
    "replays, actions and the versions of mapping texts"
)


def show(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="The id of a delivery (ours or the vendor's), billing event, outcome, outcome key"
            " or its value, replay, action, or mapping version; or the start of an id.",
        ),
    ],
    as_json: arg.Json = False,
) -> None:
    """Print the record that has the id; a list if several have it."""
    session, out = Session(), Output(as_json=as_json)
    named = session.run(identify, what, list(_key_starts(session)))
    if not named:
        raise CommandError(
            f"nothing has the id {what!r}; looked for {_LOOKED_FOR}."
            " `receiver deliveries` and `receiver events` list them"
        )
    if len(named) == 1:
        _show_story(out, session.run(_read, named[0]))
    elif as_json:
        out.json([{"kind": record.kind.value, "id": record.id} for record in named])
    else:
        out.say(f"{len(named)} things have the id {what!r}; `receiver show` each for its story")
        out.table(("=id", "what it is"), [(record.id, record.kind.value) for record in named])


def _key_starts(session: Session) -> Iterator[tuple[str, str]]:
    """How the keys of the rules in force begin; none where there are no mappings at hand."""
    try:
        sources = session.mappings().sources.values()
    except CommandError:
        return
    for source in sources:
        for rule in source.rules:
            yield (rule.scope, "") if rule.scope else (source.name, rule.key_rule)


async def _read(database: Database, named: Named) -> Story:
    story = await READERS[named.kind](database, named.id)
    if story is None:
        raise CommandError(f"nothing is recorded of the {named.kind} {named.id}")
    return story


async def _read_key_of(database: Database, outcome_id: str) -> OutcomeKeyStory | None:
    query = select(outcomes.c.outcome_key).where(outcomes.c.id == outcome_id)
    async with database.read() as connection:
        key = str(await connection.scalar(query))
    return await read_outcome_key(database, key)


READERS: Mapping[IdKind, Callable[[Database, str], Awaitable[Story | None]]] = {
    IdKind.DELIVERY: read_delivery,
    IdKind.BILLING_EVENT: read_billing_event,
    IdKind.KEY: read_outcome_key,
    IdKind.OUTCOME: _read_key_of,
    IdKind.REPLAY: replay_status,
    IdKind.ACTION: read_action,
    IdKind.VERSION: read_version,
}


def _show_story(out: Output, story: Story) -> None:
    if out.as_json:
        out.json(story)
        return
    match story:
        case DeliveryEvidence():
            _show_delivery(out, story)
        case BillingEventEvidence():
            _show_billing_event(out, story)
        case OutcomeKeyStory():
            _show_key(out, story)
        case ReplayStatus():
            _show_facts(out, "replay", story.id, {**asdict(story), "id": None, "differences": None})
        case ActionEntry():
            _show_action(out, story)
        case VersionText():
            _show_facts(out, story.kind, story.version, {"name": story.name, **story.parts})
            out.line()
            out.verbatim(story.text)


def _show_billing_event(out: Output, event: BillingEventEvidence) -> None:
    stands = f"taken back by {event.reversed_by}" if event.reversed_by else "stands"
    if event.kind == "reversal":
        stands = f"takes back {event.reverses}"
    delivery, texts = event.delivery, {text.version: text for text in event.versions}
    facts: dict[str, Any] = {
        "amount": f"{event.amount} {event.currency}",
        "state": stands,
        "agent": event.agent_id,
        "customer": event.customer_id,
        "indicator": event.indicator,
        "occurred": event.occurred_at,
        "recorded": event.recorded_at,
        "rule": f"{event.source}: {event.outcome}",
        "key": event.outcome_key,
        "delivery": f"{delivery.id}, event {event.event_index}" if delivery else "none: by hand",
        "received": delivery and delivery.received_at,
        "vendor id": delivery and delivery.vendor_id,
        "verified by": delivery and delivery.verified_by,
        "body": delivery and f"{delivery.evidence}, SHA-256 {delivery.body_sha256}",
        "repeats": delivery and delivery.duplicates,
    }
    for name, digest in (("mapping", event.mapping_version), ("prices", event.price_version)):
        file = texts[digest].name if digest in texts else "unknown"
        facts[name] = digest and f"{file} {digest}"
    facts["tags"] = ", ".join(f"{name}={value}" for name, value in event.meta_tags.items()) or None
    _show_facts(out, event.kind, event.id, facts)
    _show_history(out, event)


def _show_key(out: Output, story: OutcomeKeyStory) -> None:
    owes = f"billing event {story.open_charge} stands" if story.open_charge else "nothing is owed"
    _show_facts(out, "outcome key", story.outcome_key, {"state": owes})
    _show_history(out, story)


def _show_history(out: Output, story: BillingEventEvidence | OutcomeKeyStory) -> None:
    """What was recorded of a key, and what was posted, each in the order recorded."""
    out.line("\noutcomes of its key" if isinstance(story, BillingEventEvidence) else "\noutcomes")
    columns = ("=recorded", "rule", "verdict", ">price", "=occurred", "=delivery")
    replaced = {item.replaces for item in story.outcomes}
    rows = [_key_outcome_row(item, is_replaced=item.id in replaced) for item in story.outcomes]
    out.table(columns, rows)
    if story.outcomes_count > len(story.outcomes):
        out.say(f"the first {len(story.outcomes)} of {story.outcomes_count} outcomes")
    _show_actions(out, story.actions)
    _show_events(out, story.billing_events)


def _key_outcome_row(item: KeyOutcomeItem, *, is_replaced: bool) -> tuple[Cell, ...]:
    price = None if item.amount is None else f"{item.amount} {item.currency}"
    verdict = _verdict(item, is_replaced=is_replaced)
    return (item.recorded_at, item.rule, verdict, price, item.occurred_at, item.delivery_id)


def _show_delivery(out: Output, delivery: DeliveryEvidence) -> None:
    _show_head(out, delivery)
    if delivery.outcomes:
        out.line("\noutcomes")
        columns = ("rule", "verdict", "kind", "agent", "customer", "indicator", ">price", "key")
        replaced = {item.replaces for item in delivery.outcomes}
        rows = [_outcome_row(item, is_replaced=item.id in replaced) for item in delivery.outcomes]
        out.table(columns, rows)
    _show_actions(out, delivery.actions)
    _show_events(out, delivery.billing_events)
    _show_request(out, delivery)


def _show_action(out: Output, action: ActionEntry) -> None:
    facts = {
        "by": action.actor,
        "at": action.at,
        "note": action.note,
        "which": filter_text(action.filter),
        "count": action.count,
        **{name: _detail(value) for name, value in action.detail.items()},
    }
    _show_facts(out, action.kind, action.id, facts)


def _detail(value: Any) -> str:
    """Amounts as they are written elsewhere; anything else as JSON, which can be read back."""
    if isinstance(value, list) and all(
        isinstance(item, dict) and "amount" in item for item in value
    ):
        return ", ".join(f"{item['amount']} {item['currency']}" for item in value)
    return value if isinstance(value, str) else json.dumps(value)


def _show_actions(out: Output, actions: Sequence[ActionItem]) -> None:
    for act in actions:
        out.line(f"  {act.kind} by hand: {act.at:%Y-%m-%d %H:%M:%SZ} {act.actor}: {act.note}")


def _show_events(out: Output, events: Sequence[BillingEventItem]) -> None:
    if events:
        out.line("\nbilling events")
        names = ("=id", "kind", "customer", "indicator", ">amount", "=occurred", "reverses")
        out.table(names, [_event_row(event) for event in events])


def _show_facts(out: Output, what: str | Text, name: str, facts: dict[str, Any]) -> None:
    out.line(Text.assemble((name, "bold"), "  ", what))
    out.facts({fact: _shown(value) for fact, value in facts.items()})


def _shown(value: Any) -> str | None:
    if value in (None, {}, []):
        return None
    return f"{value:%Y-%m-%d %H:%M:%S.%f}Z" if isinstance(value, datetime) else str(value)


def _event_row(event: BillingEventItem) -> tuple[Cell, ...]:
    amount = f"{event.amount} {event.currency}"
    shown = (event.customer_id, event.indicator, amount, event.occurred_at, event.reverses)
    return (event.id, event.kind, *shown)


def _outcome_row(item: OutcomeItem, *, is_replaced: bool) -> tuple[Cell, ...]:
    price = None if item.amount is None else f"{item.amount} {item.currency}"
    triple = (item.agent_id, item.customer_id, item.indicator)
    verdict = _verdict(item, is_replaced=is_replaced)
    return (item.rule, verdict, item.kind, *triple, price, item.outcome_key)


def _verdict(item: OutcomeItem, *, is_replaced: bool) -> str:
    by_hand = " by hand" if item.action_id else ""
    return f"{item.verdict}{by_hand}{', replaced' if is_replaced else ''}"


def _show_head(out: Output, delivery: DeliveryEvidence) -> None:
    facts = {
        "source": delivery.source,
        "why": why(delivery.reason, delivery.detail),
        "rule": delivery.rule,
        "received": delivery.received_at,
        "settled": delivery.settled_at,
        "attempts": delivery.attempts,
        "repeats": delivery.duplicates,
        "vendor id": delivery.vendor_id,
        "verified by": delivery.verified_by,
        "body": f"SHA-256 {delivery.body_sha256}",
        "redacted": counted(delivery.redacted, "value") if delivery.redacted else None,
    }
    _show_facts(out, state_text(delivery.state), delivery.id, facts)


def _show_request(out: Output, delivery: DeliveryEvidence) -> None:
    if delivery.body is None:
        out.line(f"\nbody and headers\n  {WHY_GONE.get(delivery.evidence, 'not kept')}")
        return
    out.line("\nheaders")
    for name, value in sorted(delivery.headers.items()):
        out.line(f"  {name}: {value}")
    encoded = f" ({delivery.body_encoding})" if delivery.body_encoding else ""
    out.line(f"\nbody{encoded}")
    out.verbatim(delivery.body)
