"""The GET side of the API: parameters in, `jobs.queries` asked, its shapes out."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.errors import FilterInvalid
from jobs.queries.actions import list_actions
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.deliveries.status import read_status
from jobs.queries.exceptions.listing import EXAMPLES, MOST_EXAMPLES, read_exceptions
from jobs.queries.identification import IdKind, whole_filter, whole_id
from jobs.queries.ledger.billing_events import list_billing_events
from jobs.queries.ledger.export import read_forward
from jobs.queries.ledger.revenue import read_revenue
from jobs.queries.ledger.story import read_billing_event
from jobs.queries.mappings import read_mappings
from jobs.queries.replays import list_replays
from jobs.queries.sources.rejections import list_rejections
from jobs.queries.sources.rules import KnownRule, read_rules
from receiver.api.answers import JSON, not_found, shape, whole_list
from receiver.api.dependencies import mappings_named, parts_of
from receiver.api.export import csv_of, csv_page, wants_csv
from receiver.api.filter_names import names_in, refuse_misspelt, refuse_misspelt_rejections
from receiver.api.filter_params import (
    ACTION_FILTERS,
    BILLING_FILTERS,
    DELIVERY_FILTERS,
    REJECTION_FILTERS,
    action_filter,
    basis_of,
    billing_filter,
    delivery_filter,
    exception_kinds,
    rejection_filter,
    whole_number,
)
from receiver.api.params import id_in_path, query, slice_of
from receiver.sources.listing import read_sources


async def status(request: Request) -> Response:
    query(request, (), paged=False)
    return shape(await read_status(parts_of(request).database))


async def deliveries(request: Request) -> Response:
    parts, part = parts_of(request), slice_of(request)
    given = delivery_filter(query(request, DELIVERY_FILTERS), parts.zone)
    await refuse_misspelt(parts.database, given, parts.mappings())
    where = await whole_filter(parts.database, given)
    found = await list_deliveries(parts.database, where, limit=part.limit, cursor=part.cursor)
    return shape(found)


async def delivery(request: Request) -> Response:
    query(request, (), paged=False)
    database = parts_of(request).database
    delivery_id = await whole_id(database, id_in_path(request, "delivery"), {IdKind.DELIVERY})
    found = await read_delivery(database, delivery_id)
    if found is None:
        raise not_found("delivery", delivery_id)
    return shape(found)


async def failures(request: Request) -> Response:
    parts = parts_of(request)
    where = delivery_filter(query(request, DELIVERY_FILTERS, paged=False), parts.zone)
    await refuse_misspelt(parts.database, where, parts.mappings())
    return whole_list(await read_failures(parts.database, where))


async def rejections(request: Request) -> Response:
    parts, part = parts_of(request), slice_of(request)
    where = rejection_filter(query(request, REJECTION_FILTERS), parts.zone)
    sources = names_in(parts.mappings(), "source")
    await refuse_misspelt_rejections(parts.database, where, sources)
    found = await list_rejections(parts.database, where, limit=part.limit, cursor=part.cursor)
    return shape(found)


async def billing_events(request: Request) -> Response:
    parts, part = parts_of(request), slice_of(request)
    given = query(request, (*BILLING_FILTERS, "format", "after"))
    as_csv, after = wants_csv(request, given.pop("format", None)), given.pop("after", None)
    where = billing_filter(given, parts.zone)
    await refuse_misspelt(parts.database, where, parts.mappings())
    if after is not None:
        if part.cursor is not None:
            raise FilterInvalid("after and cursor are two ways through the list; give one of them")
        page = await read_forward(parts.database, where, after=after, limit=part.limit)
        return csv_page(page) if as_csv else Response(page.as_json(), media_type=JSON)
    if as_csv:
        return await csv_of(parts.database, where, part)
    found = await list_billing_events(parts.database, where, limit=part.limit, cursor=part.cursor)
    return shape(found)


async def billing_event(request: Request) -> Response:
    query(request, (), paged=False)
    database, given = parts_of(request).database, id_in_path(request, "billing_event")
    event_id = await whole_id(database, given, {IdKind.BILLING_EVENT})
    found = await read_billing_event(database, event_id)
    if found is None:
        raise not_found("billing event", event_id)
    return shape(found)


async def revenue(request: Request) -> Response:
    parts, part = parts_of(request), slice_of(request)
    given = query(request, (*BILLING_FILTERS, "by", "basis"))
    by = [name.strip() for name in given.pop("by", "").split(",") if name.strip()]
    basis = basis_of(given.pop("basis", None))
    where = billing_filter(given, parts.zone)
    await refuse_misspelt(parts.database, where, parts.mappings())
    found = await read_revenue(
        parts.database,
        where,
        basis=basis,
        by=by,
        zone=parts.zone,
        limit=part.limit,
        cursor=part.cursor,
    )
    return JSONResponse(found.as_json())


async def rules(request: Request) -> Response:
    query(request, (), paged=False)
    parts = parts_of(request)
    known = [
        KnownRule(source.name, rule.name, source.mode)
        for source in parts.mappings().sources.values()
        for rule in source.rules
    ]
    return whole_list(await read_rules(parts.database, known))


async def actions(request: Request) -> Response:
    parts, part = parts_of(request), slice_of(request)
    where = action_filter(query(request, ACTION_FILTERS), parts.zone)
    return shape(await list_actions(parts.database, where, limit=part.limit, cursor=part.cursor))


async def replays(request: Request) -> Response:
    part = slice_of(request)
    query(request, ())
    database = parts_of(request).database
    return shape(await list_replays(database, limit=part.limit, cursor=part.cursor))


async def exceptions(request: Request) -> Response:
    parts = parts_of(request)
    given = query(request, ("kind", "examples"), paged=False)
    examples = whole_number("examples", given.get("examples", str(EXAMPLES)))
    if examples < 0:
        raise FilterInvalid(f"examples is {examples}; give a number from 0 to {MOST_EXAMPLES}")
    return whole_list(
        await read_exceptions(
            parts.database,
            parts.mappings(),
            kinds=exception_kinds(given.get("kind")),
            examples=examples,
        )
    )


async def mappings(request: Request) -> Response:
    query(request, (), paged=False)
    parts = parts_of(request)
    return shape(await read_mappings(parts.database, await mappings_named(parts, None)))


async def sources(request: Request) -> Response:
    query(request, (), paged=False)
    parts = parts_of(request)
    found = await read_sources(parts.database, parts.settings, parts.mappings(), parts.secrets)
    return whole_list(found)
