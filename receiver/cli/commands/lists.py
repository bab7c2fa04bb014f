"""`deliveries` and `show`."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from jobs.database import Database
from jobs.filters import DeliveryFilter
from jobs.queries.listing import count_deliveries, list_deliveries, read_delivery
from jobs.queries.paging import DEFAULT_LIMIT, MOST
from jobs.queries.shapes import (
    BillingEventItem,
    DeliveryEvidence,
    DeliveryItem,
    OutcomeItem,
)
from jobs.retention.evidence import WHY_GONE
from receiver.asking import delivery_filter
from receiver.cli.naming import refuse_misspelt
from receiver.cli.output import Cell, Output, counted, deliveries_counted, state_text
from receiver.cli.session import Session
from receiver.cli.trouble import Trouble


def deliveries(
    ids: list[str], given: Mapping[str, str | None], *, limit: int | None, as_json: bool
) -> None:
    """The newest deliveries that fit; `limit` over as many pages as it takes."""
    session, out = Session(), Output(as_json=as_json)
    where = delivery_filter(given, session.zone, ids=ids or None)
    refuse_misspelt(session, where)
    total, items = session.run(_newest, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    out.line(
        deliveries_counted(total) + (f", the newest {len(items)}:" if total > len(items) else "")
    )
    if items:
        columns = ("=id", "source", "=state", "=received", ">outcomes", ">repeats", "why")
        out.table(columns, [_row(item, in_full=out.is_wide) for item in items])


def show(delivery_id: str, *, as_json: bool) -> None:
    """One delivery with all that is known of it."""
    session, out = Session(), Output(as_json=as_json)
    found = session.run(read_delivery, delivery_id)
    if found is None:
        raise Trouble(f"there is no delivery {delivery_id!r}; `receiver deliveries` lists them")
    if as_json:
        out.json(found.model_dump(mode="json"))
        return
    _show_head(out, found)
    if found.outcomes:
        out.line("\noutcomes")
        columns = ("rule", "verdict", "kind", "agent", "customer", "indicator", ">price", "key")
        replaced = {one.replaces for one in found.outcomes}
        rows = [_outcome_row(one, is_replaced=one.id in replaced) for one in found.outcomes]
        out.table(columns, rows)
    for act in found.actions:
        out.line(f"  {act.kind} by hand: {act.at:%Y-%m-%d %H:%M:%SZ} {act.actor}: {act.note}")
    if found.billing_events:
        out.line("\nbilling events")
        names = ("=id", "kind", "customer", "indicator", ">amount", "occurred", "reverses")
        out.table(names, [_event_row(one) for one in found.billing_events])
    _show_request(out, found)


async def _newest(
    database: Database, where: DeliveryFilter, limit: int
) -> tuple[int, list[DeliveryItem]]:
    total = await count_deliveries(database, where)
    items: list[DeliveryItem] = []
    cursor = None
    while len(items) < limit:
        left = min(limit - len(items), MOST)
        page = await list_deliveries(database, where, limit=left, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return total, items


def _row(item: DeliveryItem, *, in_full: bool) -> tuple[Cell, ...]:
    return (
        item.id,
        item.source,
        state_text(item.state),
        item.received_at,
        item.outcomes,
        item.duplicates,
        _why(item.reason, item.detail) if in_full else item.reason,
    )


def _why(reason: str | None, detail: str | None) -> str | None:
    return ": ".join(part for part in (reason, detail) if part) or None


def _outcome_row(one: OutcomeItem, *, is_replaced: bool) -> tuple[Cell, ...]:
    price = None if one.amount is None else f"{one.amount} {one.currency}"
    triple = (one.agent_id, one.customer_id, one.indicator)
    verdict = one.verdict + (" by hand" if one.action_id else "")
    verdict += ", replaced" if is_replaced else ""
    return (one.rule, verdict, one.kind, *triple, price, one.outcome_key)


def _event_row(one: BillingEventItem) -> tuple[Cell, ...]:
    amount = f"{one.amount} {one.currency}"
    shown = (one.customer_id, one.indicator, amount, one.occurred_at, one.reverses)
    return (one.id, one.kind, *shown)


def _show_head(out: Output, found: DeliveryEvidence) -> None:
    out.line(Text.assemble((found.id, "bold"), "  ", state_text(found.state)))
    why = _why(found.reason, found.detail)
    facts = {
        "source": found.source,
        "why": why,
        "rule": found.rule,
        "received": f"{found.received_at:%Y-%m-%d %H:%M:%S.%f}Z",
        "settled": f"{found.settled_at:%Y-%m-%d %H:%M:%S.%f}Z" if found.settled_at else None,
        "attempts": found.attempts,
        "repeats": found.duplicates,
        "redacted": counted(found.redacted, "value") if found.redacted else None,
    }
    for name, value in facts.items():
        if value is not None:
            out.line(f"  {name:<9} {value}")


def _show_request(out: Output, found: DeliveryEvidence) -> None:
    if found.body is None:
        out.line(f"\nbody and headers\n  {WHY_GONE.get(found.evidence, 'not kept')}")
        return
    out.line("\nheaders")
    for name, value in sorted(found.headers.items()):
        out.line(f"  {name}: {value}")
    encoded = f" ({found.body_encoding})" if found.body_encoding else ""
    out.line(f"\nbody{encoded}")
    out.line(found.body)
