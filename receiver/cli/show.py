"""Show everything about an id: of a delivery its bytes and what they billed."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
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
from receiver.cli.common.formatting import filter_text, why
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output, counted, state_text

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
        out.json([{"kind": one.kind.value, "id": one.id} for one in named])
    else:
        out.say(f"{len(named)} things have the id {what!r}; `receiver show` each for its story")
        out.table(("=id", "what it is"), [(one.id, one.kind.value) for one in named])


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
    found: Story | None
    match named.kind:
        case IdKind.DELIVERY:
            found = await read_delivery(database, named.id)
        case IdKind.BILLING_EVENT:
            found = await read_billing_event(database, named.id)
        case IdKind.KEY:
            found = await read_outcome_key(database, named.id)
        case IdKind.OUTCOME:
            found = await read_outcome_key(database, await _key_of(database, named.id))
        case IdKind.REPLAY:
            found = await replay_status(database, named.id)
        case IdKind.ACTION:
            found = await read_action(database, named.id)
        case IdKind.VERSION:
            found = await read_version(database, named.id)
    if found is None:
        raise CommandError(f"nothing is recorded of the {named.kind} {named.id}")
    return found


async def _key_of(database: Database, outcome_id: str) -> str:
    query = select(outcomes.c.outcome_key).where(outcomes.c.id == outcome_id)
    async with database.read() as connection:
        return str(await connection.scalar(query))


def _show_story(out: Output, found: Story) -> None:
    if out.as_json:
        out.json(
            asdict(found) if isinstance(found, ReplayStatus) else found.model_dump(mode="json")
        )
        return
    match found:
        case DeliveryEvidence():
            _show_delivery(out, found)
        case BillingEventEvidence():
            _show_billing_event(out, found)
        case OutcomeKeyStory():
            _show_key(out, found)
        case ReplayStatus():
            _show_facts(out, "replay", found.id, {**asdict(found), "id": None, "differences": None})
        case ActionEntry():
            _show_action(out, found)
        case VersionText():
            _show_facts(out, found.kind, found.version, {"name": found.name, **found.parts})
            out.line()
            out.verbatim(found.text)


def _show_billing_event(out: Output, found: BillingEventEvidence) -> None:
    stands = f"taken back by {found.reversed_by}" if found.reversed_by else "stands"
    if found.kind == "reversal":
        stands = f"takes back {found.reverses}"
    delivery, version = found.delivery, {one.version: one for one in found.versions}
    facts: dict[str, Any] = {
        "amount": f"{found.amount} {found.currency}",
        "state": stands,
        "agent": found.agent_id,
        "customer": found.customer_id,
        "indicator": found.indicator,
        "occurred": found.occurred_at,
        "recorded": found.recorded_at,
        "rule": f"{found.source}: {found.outcome}",
        "key": found.outcome_key,
        "delivery": f"{delivery.id}, event {found.event_index}" if delivery else "none: by hand",
        "received": delivery and delivery.received_at,
        "vendor id": delivery and delivery.vendor_id,
        "verified by": delivery and delivery.verified_by,
        "body": delivery and f"{delivery.evidence}, SHA-256 {delivery.body_sha256}",
        "repeats": delivery and delivery.duplicates,
    }
    for name, one in (("mapping", found.mapping_version), ("prices", found.price_version)):
        facts[name] = one and f"{version[one].name if one in version else 'unknown'} {one}"
    facts["tags"] = ", ".join(f"{name}={value}" for name, value in found.meta_tags.items()) or None
    _show_facts(out, found.kind, found.id, facts)
    _show_history(out, found)


def _show_key(out: Output, found: OutcomeKeyStory) -> None:
    owes = f"billing event {found.open_charge} stands" if found.open_charge else "nothing is owed"
    _show_facts(out, "outcome key", found.outcome_key, {"state": owes})
    _show_history(out, found)


def _show_history(out: Output, found: BillingEventEvidence | OutcomeKeyStory) -> None:
    """What was said of a key, and what was posted, each in the order recorded."""
    out.line("\noutcomes of its key" if isinstance(found, BillingEventEvidence) else "\noutcomes")
    columns = ("=recorded", "rule", "verdict", ">price", "=occurred", "=delivery")
    replaced = {one.replaces for one in found.outcomes}
    out.table(columns, [_told(one, is_replaced=one.id in replaced) for one in found.outcomes])
    if found.outcomes_count > len(found.outcomes):
        out.say(f"the first {len(found.outcomes)} of {found.outcomes_count} outcomes")
    _show_actions(out, found.actions)
    _show_lines(out, found.billing_events)


def _told(one: KeyOutcomeItem, *, is_replaced: bool) -> tuple[Cell, ...]:
    price = None if one.amount is None else f"{one.amount} {one.currency}"
    verdict = _verdict(one, is_replaced=is_replaced)
    return (one.recorded_at, one.rule, verdict, price, one.occurred_at, one.delivery_id)


def _show_delivery(out: Output, found: DeliveryEvidence) -> None:
    _show_head(out, found)
    if found.outcomes:
        out.line("\noutcomes")
        columns = ("rule", "verdict", "kind", "agent", "customer", "indicator", ">price", "key")
        replaced = {one.replaces for one in found.outcomes}
        rows = [_outcome_row(one, is_replaced=one.id in replaced) for one in found.outcomes]
        out.table(columns, rows)
    _show_actions(out, found.actions)
    _show_lines(out, found.billing_events)
    _show_request(out, found)


def _show_action(out: Output, found: ActionEntry) -> None:
    facts = {
        "by": found.actor,
        "at": found.at,
        "note": found.note,
        "which": filter_text(found.filter),
        "count": found.count,
        **{name: _detail(value) for name, value in found.detail.items()},
    }
    _show_facts(out, found.kind, found.id, facts)


def _detail(value: Any) -> str:
    """Amounts as they are written elsewhere; anything else as JSON, which can be read back."""
    if isinstance(value, list) and all(isinstance(one, dict) and "amount" in one for one in value):
        return ", ".join(f"{one['amount']} {one['currency']}" for one in value)
    return value if isinstance(value, str) else json.dumps(value)


def _show_actions(out: Output, actions: Sequence[ActionItem]) -> None:
    for act in actions:
        out.line(f"  {act.kind} by hand: {act.at:%Y-%m-%d %H:%M:%SZ} {act.actor}: {act.note}")


def _show_lines(out: Output, lines: Sequence[BillingEventItem]) -> None:
    if lines:
        out.line("\nbilling events")
        names = ("=id", "kind", "customer", "indicator", ">amount", "=occurred", "reverses")
        out.table(names, [_event_row(one) for one in lines])


def _show_facts(out: Output, what: str, name: str, facts: dict[str, Any]) -> None:
    out.line(Text.assemble((name, "bold"), f"  {what}"))
    out.facts({fact: _shown(value) for fact, value in facts.items()})


def _shown(value: Any) -> str | None:
    if value in (None, {}, []):
        return None
    return f"{value:%Y-%m-%d %H:%M:%S.%f}Z" if isinstance(value, datetime) else str(value)


def _event_row(one: BillingEventItem) -> tuple[Cell, ...]:
    amount = f"{one.amount} {one.currency}"
    shown = (one.customer_id, one.indicator, amount, one.occurred_at, one.reverses)
    return (one.id, one.kind, *shown)


def _outcome_row(one: OutcomeItem, *, is_replaced: bool) -> tuple[Cell, ...]:
    price = None if one.amount is None else f"{one.amount} {one.currency}"
    triple = (one.agent_id, one.customer_id, one.indicator)
    verdict = _verdict(one, is_replaced=is_replaced)
    return (one.rule, verdict, one.kind, *triple, price, one.outcome_key)


def _verdict(one: OutcomeItem, *, is_replaced: bool) -> str:
    by_hand = " by hand" if one.action_id else ""
    return f"{one.verdict}{by_hand}{', replaced' if is_replaced else ''}"


def _show_head(out: Output, found: DeliveryEvidence) -> None:
    out.line(Text.assemble((found.id, "bold"), "  ", state_text(found.state)))
    facts = {
        "source": found.source,
        "why": why(found.reason, found.detail),
        "rule": found.rule,
        "received": f"{found.received_at:%Y-%m-%d %H:%M:%S.%f}Z",
        "settled": f"{found.settled_at:%Y-%m-%d %H:%M:%S.%f}Z" if found.settled_at else None,
        "attempts": found.attempts,
        "repeats": found.duplicates,
        "vendor id": found.vendor_id,
        "verified by": found.verified_by,
        "body": f"SHA-256 {found.body_sha256}",
        "redacted": counted(found.redacted, "value") if found.redacted else None,
    }
    out.facts({fact: _shown(value) for fact, value in facts.items()})


def _show_request(out: Output, found: DeliveryEvidence) -> None:
    if found.body is None:
        out.line(f"\nbody and headers\n  {WHY_GONE.get(found.evidence, 'not kept')}")
        return
    out.line("\nheaders")
    for name, value in sorted(found.headers.items()):
        out.line(f"  {name}: {value}")
    encoded = f" ({found.body_encoding})" if found.body_encoding else ""
    out.line(f"\nbody{encoded}")
    out.verbatim(found.body)
