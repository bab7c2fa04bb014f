"""The GET side of the API: `jobs.queries` asked, its shapes given."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import parse_whole_number
from jobs.filters import ActionFilter, BillingFilter, DeliveryFilter, RejectionFilter
from jobs.queries.actions import list_actions
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.deliveries.status import read_status
from jobs.queries.exceptions.listing import EXAMPLES, MOST_EXAMPLES, read_exceptions
from jobs.queries.exceptions.texts import parse_kinds
from jobs.queries.identification import IdKind, whole_filter
from jobs.queries.ledger.billing_events import list_billing_events, parse_basis
from jobs.queries.ledger.export import read_forward
from jobs.queries.ledger.revenue import read_revenue
from jobs.queries.ledger.story import read_billing_event
from jobs.queries.mappings import read_mappings
from jobs.queries.replays import list_replays
from jobs.queries.sources.rejections import list_rejections
from jobs.queries.sources.rules import known_rules, read_rules
from receiver.api.answers import JSON
from receiver.api.call import Answer, Call
from receiver.api.dependencies import mappings_named
from receiver.api.export import csv_of, csv_page, wants_csv
from receiver.sources.listing import read_sources


async def status(call: Call[Any]) -> Answer:
    return await read_status(call.database)


async def deliveries(call: Call[DeliveryFilter]) -> Answer:
    where = await whole_filter(call.database, call.where)
    return await list_deliveries(call.database, where, limit=call.limit, cursor=call.cursor)


async def delivery(call: Call[Any]) -> Answer:
    return await call.read(IdKind.DELIVERY, read_delivery)


async def failures(call: Call[DeliveryFilter]) -> Answer:
    return await read_failures(call.database, call.where)


async def rejections(call: Call[RejectionFilter]) -> Answer:
    return await list_rejections(call.database, call.where, limit=call.limit, cursor=call.cursor)


async def billing_events(call: Call[BillingFilter]) -> Answer:
    database, where, after = call.database, call.where, call.params.get("after")
    as_csv = wants_csv(call.request, call.params.get("format"))
    if after is not None:
        if call.cursor is not None:
            raise FilterInvalid("after and cursor are two ways through the list; give one of them")
        lines = await read_forward(database, where, after=after, limit=call.limit)
        return csv_page(lines) if as_csv else Response(lines.as_json(), media_type=JSON)
    if as_csv:
        return await csv_of(database, where, limit=call.named_limit, cursor=call.cursor)
    return await list_billing_events(database, where, limit=call.limit, cursor=call.cursor)


async def billing_event(call: Call[Any]) -> Answer:
    return await call.read(IdKind.BILLING_EVENT, read_billing_event)


async def revenue(call: Call[BillingFilter]) -> Answer:
    by = [name.strip() for name in call.params.get("by", "").split(",") if name.strip()]
    sums = await read_revenue(
        call.database,
        call.where,
        basis=parse_basis(call.params.get("basis")),
        by=by,
        zone=call.dependencies.zone,
        limit=call.limit,
        cursor=call.cursor,
    )
    return sums.as_json()


async def rules(call: Call[Any]) -> Answer:
    return await read_rules(call.database, known_rules(call.dependencies.mappings()))


async def actions(call: Call[ActionFilter]) -> Answer:
    return await list_actions(call.database, call.where, limit=call.limit, cursor=call.cursor)


async def replays(call: Call[Any]) -> Answer:
    return await list_replays(call.database, limit=call.limit, cursor=call.cursor)


async def exceptions(call: Call[Any]) -> Answer:
    examples = parse_whole_number("examples", call.params.get("examples", str(EXAMPLES)))
    if examples < 0:
        raise FilterInvalid(f"examples is {examples}; give a number from 0 to {MOST_EXAMPLES}")
    kinds, mappings = parse_kinds(call.params.get("kind")), call.dependencies.mappings()
    return await read_exceptions(call.database, mappings, kinds=kinds, examples=examples)


async def mappings(call: Call[Any]) -> Answer:
    return await read_mappings(call.database, await mappings_named(call.dependencies, None))


async def sources(call: Call[Any]) -> Answer:
    parts = call.dependencies
    return await read_sources(parts.database, parts.settings, parts.mappings(), parts.secrets)
