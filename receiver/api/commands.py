"""The POST side of the API: replay and discard, by `jobs.replays.replay`, noted in `actions`."""

from __future__ import annotations

from dataclasses import asdict, replace

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from jobs.common.errors import FilterInvalid
from jobs.queries.deliveries.listing import unknown_ids
from jobs.queries.identification import IdKind, whole_filter, whole_id
from jobs.replays.dry_run import dry_run
from jobs.replays.replay import discard, replay_status, start_replay
from receiver.api.answers import not_found
from receiver.api.bodies import REPLAY_MEMBERS, ReplayRequest, read_replay
from receiver.api.dependencies import Dependencies, dependencies_of, mappings_named
from receiver.api.filter_names import refuse_misspelt
from receiver.api.params import id_in_path, query

ACTOR = "api"


async def start(request: Request) -> Response:
    """`POST /api/replays`."""
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    wanted = await read_replay(request, dependencies.zone, REPLAY_MEMBERS)
    wanted = await _with_known_ids(dependencies, wanted)
    mappings = await mappings_named(dependencies, wanted.mapping_version)
    if wanted.dry_run:
        found = await dry_run(
            dependencies.database,
            mappings,
            wanted.where,
            limit=wanted.limit,
            oldest_days=dependencies.oldest_days,
        )
        return JSONResponse(found.as_json())
    started = await start_replay(
        dependencies.database,
        wanted.where,
        actor=ACTOR,
        note=wanted.note,
        limit=wanted.limit,
        mapping_version=wanted.mapping_version,
    )
    return JSONResponse({"id": started.id, "matched": started.matched}, 202)


async def progress(request: Request) -> Response:
    """`GET /api/replays/{id}`; with the differences found, where recorded ones were compared."""
    query(request, (), paged=False)
    database = dependencies_of(request).database
    replay_id = await whole_id(database, id_in_path(request, "replay"), {IdKind.REPLAY})
    found = await replay_status(database, replay_id)
    if found is None:
        raise not_found("replay", replay_id)
    answer = asdict(found)
    if not found.not_replayed:
        del answer["not_replayed"]
    return JSONResponse(answer)


async def put_away(request: Request) -> Response:
    """`POST /api/discards`."""
    query(request, (), paged=False)
    dependencies = dependencies_of(request)
    wanted = await read_replay(request, dependencies.zone)
    wanted = await _with_known_ids(dependencies, wanted)
    if wanted.note is None or not wanted.note.strip():
        raise FilterInvalid("note is missing; say why these deliveries are discarded")
    done = await discard(
        dependencies.database,
        wanted.where,
        actor=ACTOR,
        note=wanted.note,
        dry_run=wanted.dry_run,
        limit=wanted.limit,
    )
    if wanted.dry_run:
        return JSONResponse({"matched": done.matched})
    return JSONResponse({"id": done.id, "matched": done.matched}, 202)


async def _with_known_ids(dependencies: Dependencies, wanted: ReplayRequest) -> ReplayRequest:
    """The order with whole ids; a mistyped id or name is an error, not one delivery fewer."""
    await refuse_misspelt(dependencies.database, wanted.where, dependencies.mappings())
    where = await whole_filter(dependencies.database, wanted.where)
    for unknown in await unknown_ids(dependencies.database, where.ids or ()):
        raise not_found("delivery", unknown)
    return replace(wanted, where=where)
