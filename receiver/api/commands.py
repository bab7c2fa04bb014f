"""The POST side of the API: replay and discard, by `jobs.replays.replay`, noted in `actions`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from starlette.responses import JSONResponse

from jobs.common.errors import FilterInvalid
from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.listing import unknown_ids
from jobs.queries.identification import IdKind, whole_filter
from jobs.replays.dry_run import dry_run
from jobs.replays.replay import discard, replay_status, start_replay
from receiver.api.answers import not_found
from receiver.api.bodies import CommandRequest, read_command
from receiver.api.call import Answer, Call
from receiver.api.dependencies import mappings_named
from receiver.api.filter_names import refuse_misspelt

ACTOR = "api"


async def start(call: Call[Any]) -> Answer:
    """`POST /api/replays`."""
    request = await _read(call)
    mappings = await mappings_named(call.dependencies, request.mapping_version)
    if request.dry_run:
        rehearsed = await dry_run(
            call.database,
            mappings,
            request.where,
            limit=request.limit,
            oldest_days=call.dependencies.oldest_days,
        )
        return rehearsed.as_json()
    started = await start_replay(
        call.database,
        request.where,
        actor=ACTOR,
        note=request.note,
        limit=request.limit,
        mapping_version=request.mapping_version,
    )
    return JSONResponse(asdict(started), 202)


async def progress(call: Call[Any]) -> Answer:
    """`GET /api/replays/{id}`; with the differences found, where recorded ones were compared."""
    answer = asdict(await call.read(IdKind.REPLAY, replay_status))
    if not answer["not_replayed"]:
        del answer["not_replayed"]
    return answer


async def put_away(call: Call[Any]) -> Answer:
    """`POST /api/discards`."""
    request = await _read(call)
    if request.note is None or not request.note.strip():
        raise FilterInvalid("note is missing; say why these deliveries are discarded")
    done = await discard(
        call.database,
        request.where,
        actor=ACTOR,
        note=request.note,
        dry_run=request.dry_run,
        limit=request.limit,
    )
    return {"matched": done.matched} if request.dry_run else JSONResponse(asdict(done), 202)


async def _read(call: Call[Any]) -> CommandRequest[DeliveryFilter]:
    """The body with whole ids; a mistyped id or name is an error, not one delivery fewer."""
    request = await read_command(call, DeliveryFilter)
    await refuse_misspelt(call.database, request.where, call.dependencies.mappings())
    where = await whole_filter(call.database, request.where)
    for unknown in await unknown_ids(call.database, where.ids or ()):
        raise not_found("delivery", unknown)
    return replace(request, where=where)
