"""The GET side of the API: parameters in, `jobs.queries` asked, its shapes out."""

from __future__ import annotations

from typing import TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import parse_whole_number
from jobs.filters import ActionFilter, BillingFilter, DeliveryFilter, Filter, RejectionFilter
from jobs.queries.actions import list_actions
from jobs.queries.deliveries.evidence import read_delivery
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.deliveries.status import read_status
from jobs.queries.exceptions.listing import EXAMPLES, MOST_EXAMPLES, read_exceptions
from jobs.queries.exceptions.texts import parse_kinds
from jobs.queries.identification import IdKind, whole_filter, whole_id
from jobs.queries.ledger.billing_events import list_billing_events, parse_basis
from jobs.queries.ledger.export import read_forward
from jobs.queries.ledger.revenue import read_revenue
from jobs.queries.ledger.story import read_billing_event
from jobs.queries.mappings import read_mappings
from jobs.queries.replays import list_replays
from jobs.queries.sources.rejections import list_rejections
from jobs.queries.sources.rules import KnownRule, read_rules
from receiver.api.answers import JSON, not_found, shape, whole_list
from receiver.api.dependencies import dependencies_of, mappings_named
from receiver.api.export import csv_of, csv_page, wants_csv
from receiver.api.filter_names import refuse_misspelt
from receiver.api.params import id_in_path, page_of, query
from receiver.sources.listing import read_sources

F = TypeVar("F", bound=Filter)


async def status(request: Request) -> Response:
    query(request, (), paged=False)
    return shape(await read_status(dependencies_of(request).database))


async def deliveries(request: Request) -> Response:
    dependencies, page = dependencies_of(request), page_of(request)
    where, _ = await _filter(request, DeliveryFilter)
    where = await whole_filter(dependencies.database, where)
    return shape(
        await list_deliveries(dependencies.database, where, limit=page.limit, cursor=page.cursor)
    )


async def delivery(request: Request) -> Response:
    query(request, (), paged=False)
    database = dependencies_of(request).database
    delivery_id = await whole_id(database, id_in_path(request, "delivery"), {IdKind.DELIVERY})
    evidence = await read_delivery(database, delivery_id)
    if evidence is None:
        raise not_found("delivery", delivery_id)
    return shape(evidence)


async def failures(request: Request) -> Response:
    where, _ = await _filter(request, DeliveryFilter, paged=False)
    return whole_list(await read_failures(dependencies_of(request).database, where))


async def rejections(request: Request) -> Response:
    page = page_of(request)
    where, _ = await _filter(request, RejectionFilter)
    database = dependencies_of(request).database
    return shape(await list_rejections(database, where, limit=page.limit, cursor=page.cursor))


async def billing_events(request: Request) -> Response:
    database, page = dependencies_of(request).database, page_of(request)
    where, others = await _filter(request, BillingFilter, "format", "after")
    as_csv, after = wants_csv(request, others.get("format")), others.get("after")
    if after is not None:
        if page.cursor is not None:
            raise FilterInvalid("after and cursor are two ways through the list; give one of them")
        lines = await read_forward(database, where, after=after, limit=page.limit)
        return csv_page(lines) if as_csv else Response(lines.as_json(), media_type=JSON)
    if as_csv:
        return await csv_of(database, where, page)
    return shape(await list_billing_events(database, where, limit=page.limit, cursor=page.cursor))


async def billing_event(request: Request) -> Response:
    query(request, (), paged=False)
    database, given = dependencies_of(request).database, id_in_path(request, "billing_event")
    event_id = await whole_id(database, given, {IdKind.BILLING_EVENT})
    evidence = await read_billing_event(database, event_id)
    if evidence is None:
        raise not_found("billing event", event_id)
    return shape(evidence)


async def revenue(request: Request) -> Response:
    dependencies, page = dependencies_of(request), page_of(request)
    where, others = await _filter(request, BillingFilter, "by", "basis")
    by = [name.strip() for name in others.get("by", "").split(",") if name.strip()]
    sums = await read_revenue(
        dependencies.database,
        where,
        basis=parse_basis(others.get("basis")),
        by=by,
        zone=dependencies.zone,
        limit=page.limit,
        cursor=page.cursor,
    )
    return JSONResponse(sums.as_json())


async def rules(request: Request) -> Response:
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    known = [
        KnownRule(source.name, rule.name, source.mode)
        for source in dependencies.mappings().sources.values()
        for rule in source.rules
    ]
    return whole_list(await read_rules(dependencies.database, known))


async def actions(request: Request) -> Response:
    page = page_of(request)
    where, _ = await _filter(request, ActionFilter)
    database = dependencies_of(request).database
    return shape(await list_actions(database, where, limit=page.limit, cursor=page.cursor))


async def replays(request: Request) -> Response:
    page = page_of(request)
    query(request, ())
    database = dependencies_of(request).database
    return shape(await list_replays(database, limit=page.limit, cursor=page.cursor))


async def exceptions(request: Request) -> Response:
    dependencies = dependencies_of(request)
    given = query(request, ("kind", "examples"), paged=False)
    examples = parse_whole_number("examples", given.get("examples", str(EXAMPLES)))
    if examples < 0:
        raise FilterInvalid(f"examples is {examples}; give a number from 0 to {MOST_EXAMPLES}")
    return whole_list(
        await read_exceptions(
            dependencies.database,
            dependencies.mappings(),
            kinds=parse_kinds(given.get("kind")),
            examples=examples,
        )
    )


async def mappings(request: Request) -> Response:
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    in_force = await mappings_named(dependencies, None)
    return shape(await read_mappings(dependencies.database, in_force))


async def sources(request: Request) -> Response:
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    items = await read_sources(
        dependencies.database,
        dependencies.settings,
        dependencies.mappings(),
        dependencies.secrets,
    )
    return whole_list(items)


async def _filter(
    request: Request, kind: type[F], *others: str, paged: bool = True
) -> tuple[F, dict[str, str]]:
    """The filter in the query, its names known, and the other parameters."""
    dependencies = dependencies_of(request)
    given = query(request, (*kind.model_fields, *others), paged=paged)
    rest = {name: given.pop(name) for name in others if name in given}
    where = kind.parse(given, dependencies.zone)
    await refuse_misspelt(dependencies.database, where, dependencies.mappings())
    return where, rest
