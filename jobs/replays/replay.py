"""Replay and discard, as a person asks for them: dry run, start, how far it is.

Owns what a filter selects, and the record of who asked (`actions`). The one way behind CLI, API
and dashboard. Refuses to settle anything itself: a replay releases deliveries and the same path
settles them again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.common.errors import FilterInvalid
from jobs.common.ids import new_id
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.mapping_store import refuse_changed
from jobs.replays.comparison import SHOWN_DIFFERENCES
from jobs.replays.items import progress, results_of
from jobs.storage.batching import Step, steps
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, replay_items, replays

#: States that a replay may take up. What is `received` is on its way already.
REPLAYABLE = (
    DeliveryState.FAILED,
    DeliveryState.IGNORED,
    DeliveryState.RECORDED,
    DeliveryState.DISCARDED,
)
#: States that may be discarded.
DISCARDABLE = (DeliveryState.FAILED, DeliveryState.IGNORED)


@dataclass(frozen=True, slots=True)
class Started:
    """A replay under way: its id and how many deliveries it takes up."""

    id: str
    matched: int


@dataclass(frozen=True, slots=True)
class Discarded:
    """What was discarded, or would be with `dry_run`; `id` names the entry in `actions`."""

    id: str | None
    matched: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayStatus:
    """How far a replay is. `done` counts those settled again; the rest are still waiting.

    `unchanged_no_body` of the `unchanged` ones were left as they are since their body is gone.
    `not_replayed` were left alone, since other mappings came into force than the replay names.
    """

    id: str
    state: str
    matched: int
    done: int
    recorded: int
    ignored: int
    failed: int
    unchanged: int
    unchanged_no_body: int
    not_replayed: int
    differences: list[dict[str, Any]] = field(default_factory=list)


def selection(
    where: DeliveryFilter, *, limit: int | None = None
) -> tuple[Select[Any], DeliveryFilter]:
    """The ids that a replay takes, in the order they came; and the filter with its defaults.

    `state` defaults to `failed`; others must be named. Raises FilterInvalid for a filter that
    asks for nothing, or for a state that cannot be replayed.
    """
    where.check_not_empty("replay")
    full = where.model_copy(update={"state": where.state or DeliveryState.FAILED})
    if full.state not in REPLAYABLE:
        message = f"state {full.state!r} cannot be replayed; use one of {', '.join(REPLAYABLE)}"
        raise FilterInvalid(message)
    columns = deliveries.c
    ids = select(columns.id).where(full.where()).order_by(columns.received_at, columns.id)
    return (ids if limit is None else ids.limit(limit)), full


async def count_selected(
    database: Database, where: DeliveryFilter, *, limit: int | None = None
) -> int:
    """How many deliveries a replay would take now. Raises FilterInvalid as `start_replay` does."""
    chosen, _ = selection(where, limit=limit)
    return await _count(database, chosen)


async def read_selection(
    database: Database, where: DeliveryFilter, *, limit: int | None = None
) -> tuple[list[str], DeliveryFilter]:
    """The ids that a replay takes now, and its filter. Raises FilterInvalid."""
    chosen, full = selection(where, limit=limit)
    return await _ids(database, chosen), full


async def _ids(database: Database, chosen: Select[Any]) -> list[str]:
    async with database.read() as connection:
        return list((await connection.execute(chosen)).scalars())


async def _count(database: Database, chosen: Select[Any]) -> int:
    async with database.read() as connection:
        total = await connection.scalar(select(func.count()).select_from(chosen.subquery()))
    return int(total or 0)


async def start_replay(
    database: Database,
    where: DeliveryFilter,
    *,
    actor: str,
    note: str | None = None,
    limit: int | None = None,
    mapping_version: str | None = None,
) -> Started:
    """Begin a replay and return; workers carry it on, also over a restart.

    What it takes is fixed now. With `mapping_version`, as a dry run showed it, nothing is settled
    by other mappings: raises MappingsChanged where others are in force. Raises FilterInvalid.
    Workers look for replays every second.
    """
    ids, full = await read_selection(database, where, limit=limit)
    replay_id = new_id()
    now = datetime.now(UTC)
    for step in steps(ids):
        async with database.write() as connection:
            if step.is_first:
                await refuse_changed(connection, mapping_version)
                await connection.execute(
                    insert(replays).values(
                        id=replay_id,
                        state="gathering",
                        filter=full.as_json(),
                        matched=len(ids),
                        created_at=now,
                        mapping_version=mapping_version,
                    )
                )
            if step.ids:
                await connection.execute(insert(replay_items), _items(replay_id, step))
            if step.is_last:
                begun = {"state": "running"} if ids else {"state": "done", "finished_at": now}
                await connection.execute(
                    update(replays).where(replays.c.id == replay_id).values(**begun)
                )
                await note_action(
                    connection,
                    kind="replay",
                    actor=actor,
                    where=full.as_json(),
                    count=len(ids),
                    note=note,
                    detail={"replay": replay_id},
                )
        await step.pause()
    return Started(replay_id, len(ids))


async def replay_status(
    database: Database, replay_id: str, *, with_differences: bool = True
) -> ReplayStatus | None:
    """How far the replay is, or None if there is no such replay."""
    async with database.read() as connection:
        row = (
            (await connection.execute(select(replays).where(replays.c.id == replay_id)))
            .mappings()
            .one_or_none()
        )
        if row is None:
            return None
        counts = (await results_of(connection, [replay_id]))[replay_id]
        differences = await _differences(connection, replay_id) if with_differences else []
    return ReplayStatus(
        id=replay_id,
        state=row["state"],
        matched=row["matched"],
        **progress(counts),
        differences=differences,
    )


async def _differences(connection: AsyncConnection, replay_id: str) -> list[dict[str, Any]]:
    items = replay_items.c
    lists = await connection.execute(
        select(items.differences)
        .where(items.replay_id == replay_id, items.differences.is_not(None))
        .order_by(items.position)
        .limit(SHOWN_DIFFERENCES)
    )
    return [each for shown in lists.scalars() for each in shown or ()][:SHOWN_DIFFERENCES]


async def discard(
    database: Database,
    where: DeliveryFilter,
    *,
    actor: str,
    note: str,
    dry_run: bool = False,
    limit: int | None = None,
) -> Discarded:
    """Put away failed or ignored deliveries for good, with a note why; nothing is deleted.

    Each step of many is noted with it, so that one cut off has noted what it did.
    Raises FilterInvalid for an empty filter or another state.
    """
    where.check_not_empty("discard")
    if where.state is not None and where.state not in DISCARDABLE:
        message = f"state {where.state!r} cannot be discarded; only {' and '.join(DISCARDABLE)}"
        raise FilterInvalid(message)
    columns = deliveries.c
    condition: ColumnElement[bool] = where.where() & columns.state.in_(DISCARDABLE)
    chosen = select(columns.id).where(condition).order_by(columns.received_at, columns.id)
    if limit is not None:
        chosen = chosen.limit(limit)
    if dry_run:
        return Discarded(None, await _count(database, chosen))
    ids = await _ids(database, chosen)
    first = new_id()
    discarded = 0
    for step in steps(ids):
        async with database.write() as connection:
            done = await connection.execute(
                update(deliveries)
                .where(columns.id.in_(step.ids), condition)
                .values(state=DeliveryState.DISCARDED, settled_at=datetime.now(UTC))
            )
            await note_action(
                connection,
                kind="discard",
                actor=actor,
                where=where.as_json(),
                count=done.rowcount,
                note=note,
                detail={} if step.is_only else {"discard": first, "part": step.number},
                action_id=first if step.is_first else None,
            )
        discarded += done.rowcount
        await step.pause()
    return Discarded(first, discarded)


def _items(replay_id: str, step: Step) -> list[dict[str, Any]]:
    return [
        {"replay_id": replay_id, "delivery_id": delivery_id, "position": position}
        for position, delivery_id in enumerate(step.ids, step.start + 1)
    ]
