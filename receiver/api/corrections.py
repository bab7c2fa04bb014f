"""Corrections by hand over the API: made while the caller waits, by `jobs.corrections.runner`.

Owns that a correction maps with what the service has in force, and is refused where the caller
names other mappings, as a dry run answered with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.errors import FilterInvalid
from jobs.corrections.charges import named_wrongly
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionPlan, CorrectionRequest, ReinstatementRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.reversed_charges import NAMES_NOTHING, find_named
from jobs.corrections.runner import correct, rehearse
from jobs.queries.identification import IdKind, whole_id, whole_ids
from mappings.engine.loading.load import MappingSet
from receiver.api.answers import ApiError
from receiver.api.bodies import ReverseRequest, read_reinstate, read_reverse
from receiver.api.commands import ACTOR
from receiver.api.dependencies import Dependencies, dependencies_of, mappings_named
from receiver.api.filter_names import refuse_misspelt
from receiver.api.params import query


async def reverse(request: Request) -> Response:
    """`POST /api/reversals`."""
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    wanted = await _with_whole_ids(dependencies, await read_reverse(request, dependencies.zone))
    mappings = await mappings_named(dependencies, wanted.mapping_version)
    await _refuse_wrong_ids(dependencies, wanted.where.ids or ())
    correction = await _request(dependencies, wanted, mappings)
    found = await _made(dependencies, correction, dry_run=wanted.dry_run, note=wanted.note)
    if wanted.dry_run:
        found.mapping_version = mappings.digest
    return JSONResponse(found.as_json())


async def reinstate(request: Request) -> Response:
    """`POST /api/reinstatements`."""
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    wanted = await read_reinstate(request)
    kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY, IdKind.ACTION}
    ids = await whole_ids(dependencies.database, wanted.ids, kinds)
    named, unknown = await find_named(dependencies.database, ids)
    if unknown:
        raise ApiError(404, "not-found", NAMES_NOTHING.format(unknown[0]))
    correction = ReinstatementRequest(named)
    found = await _made(dependencies, correction, dry_run=wanted.dry_run, note=wanted.note)
    return JSONResponse(found.as_json())


async def _with_whole_ids(dependencies: Dependencies, wanted: ReverseRequest) -> ReverseRequest:
    await refuse_misspelt(dependencies.database, wanted.where, dependencies.mappings())
    origin = wanted.origin
    if origin is not None:
        origin = await whole_id(dependencies.database, origin, {IdKind.DELIVERY})
    if not wanted.where.ids:
        return replace(wanted, origin=origin)
    kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY}
    ids = await whole_ids(dependencies.database, wanted.where.ids, kinds)
    where = wanted.where.model_copy(update={"ids": tuple(ids)})
    return replace(wanted, where=where, origin=origin)


async def _request(
    dependencies: Dependencies, wanted: ReverseRequest, mappings: MappingSet
) -> CorrectionRequest:
    remapper = None
    if wanted.rebill:
        origin = None
        if wanted.origin is not None:
            origin = await find_origin(dependencies.database, wanted.origin)
        remapper = Remapper(mappings, oldest_days=dependencies.oldest_days, origin=origin)
    return CorrectionRequest(where=wanted.where, remapper=remapper, limit=wanted.limit)


async def _made(
    dependencies: Dependencies, request: CorrectionPlan, *, dry_run: bool, note: str | None
) -> CorrectionResult:
    if dry_run:
        return await rehearse(dependencies.database, request)
    if note is None:
        raise FilterInvalid("note is missing; say why this is corrected")
    return await correct(dependencies.database, request, actor=ACTOR, note=note)


async def _refuse_wrong_ids(dependencies: Dependencies, ids: Sequence[str]) -> None:
    """A mistyped id is an error, not one charge fewer."""
    for wrong in (await named_wrongly(dependencies.database, ids)).values():
        if wrong.is_known:
            raise FilterInvalid(wrong.reason)
        raise ApiError(404, "not-found", wrong.reason)
