"""Corrections by hand over the API: made while the caller waits, by `jobs.corrections.runner`.

Owns that a correction maps with what the service has in force, and is refused where the caller
names other mappings, as a dry run answered with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from jobs.common.errors import FilterInvalid
from jobs.corrections.charges import NAMES_NOTHING, find_named, named_wrongly
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionPlan, CorrectionRequest, ReinstatementRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import correct, rehearse
from jobs.filters import ChargeFilter
from jobs.queries.identification import IdKind, whole_id, whole_ids
from mappings.engine.loading.load import MappingSet
from receiver.api.bodies import CommandRequest, read_command
from receiver.api.call import Answer, Call
from receiver.api.commands import ACTOR
from receiver.api.dependencies import mappings_named
from receiver.api.filter_names import refuse_misspelt
from receiver.web.errors import HTTPError


async def reverse(call: Call[Any]) -> Answer:
    """`POST /api/reversals`."""
    request = await _read(call)
    mappings = await mappings_named(call.dependencies, request.mapping_version)
    await _refuse_wrong_ids(call, request.where.ids or ())
    plan = await _plan(call, request, mappings)
    result = await _correct(call, request, plan)
    if request.dry_run:
        result.mapping_version = mappings.digest
    return result.as_json()


async def reinstate(call: Call[Any]) -> Answer:
    """`POST /api/reinstatements`."""
    request = await read_command(call, ChargeFilter)
    if request.where.ids is None:
        raise FilterInvalid("ids is missing; name what to reinstate")
    kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY, IdKind.ACTION}
    ids = await whole_ids(call.database, request.where.ids, kinds)
    named, unknown = await find_named(call.database, ids)
    if unknown:
        raise HTTPError(404, "not-found", NAMES_NOTHING.format(unknown[0]))
    return (await _correct(call, request, ReinstatementRequest(named))).as_json()


async def _read(call: Call[Any]) -> CommandRequest[ChargeFilter]:
    """The body with whole ids; a mistyped name is an error."""
    request = await read_command(call, ChargeFilter)
    where, origin = request.where, request.origin
    await refuse_misspelt(call.database, where, call.dependencies.mappings())
    if origin is not None:
        origin = await whole_id(call.database, origin, {IdKind.DELIVERY})
    if where.ids:
        kinds = {IdKind.BILLING_EVENT, IdKind.DELIVERY}
        ids = await whole_ids(call.database, where.ids, kinds)
        where = where.model_copy(update={"ids": tuple(ids)})
    return replace(request, where=where, origin=origin)


async def _plan(
    call: Call[Any], request: CommandRequest[ChargeFilter], mappings: MappingSet
) -> CorrectionRequest:
    remapper = None
    if request.rebill:
        origin = None
        if request.origin is not None:
            origin = await find_origin(call.database, request.origin)
        oldest_days = call.dependencies.oldest_days
        remapper = Remapper(mappings, oldest_days=oldest_days, origin=origin)
    return CorrectionRequest(where=request.where, remapper=remapper, limit=request.limit)


async def _correct(
    call: Call[Any], request: CommandRequest[ChargeFilter], plan: CorrectionPlan
) -> CorrectionResult:
    if request.dry_run:
        return await rehearse(call.database, plan)
    if request.note is None:
        raise FilterInvalid("note is missing; say why this is corrected")
    return await correct(call.database, plan, actor=ACTOR, note=request.note)


async def _refuse_wrong_ids(call: Call[Any], ids: Sequence[str]) -> None:
    """A mistyped id is an error, not one charge fewer."""
    for wrong in (await named_wrongly(call.database, ids)).values():
        if wrong.is_known:
            raise FilterInvalid(wrong.reason)
        raise HTTPError(404, "not-found", wrong.reason)
