"""Attempts at settling: who may take a delivery up, and what a broken-off attempt costs it.

Owns `attempts` and `next_attempt_at`. An attempt is committed before mapping starts, so that a
delivery which kills its process is known: with 2 unfinished attempts it is settled alone, with
5 it fails as `internal`. Attempts that end in a transient error are forgiven.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select, update

from jobs.common.failure_groups import group_id
from jobs.common.states import DeliveryState
from jobs.settling.fold import ClaimedDelivery
from jobs.settling.replay_results import note_results
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: An attempt cut off by a kill is taken up again after this, plus the sweeper's rhythm.
LEASE_SECONDS = 5.0
#: A claim ends with the body that reaches this many bytes: memory is that of some bodies.
CLAIM_BYTES = 16 * 1024 * 1024
#: From this many unfinished attempts on, a delivery is settled alone.
SUSPECT_ATTEMPTS = 2
#: After this many unfinished attempts it fails as `internal`.
LAST_ATTEMPT = 5

INTERNAL_DETAIL = (
    "settling it broke off {attempts} times; the log has the traceback. "
    "Replay it once the cause is mended"
)


async def claim(
    database: Database, ids: Sequence[str], *, suspects: bool = False
) -> list[ClaimedDelivery]:
    """Start an attempt at those of `ids` that wait and are due; commit that; return them.

    Ordinary deliveries, or with `suspects` those with unfinished attempts behind them. Where their
    bodies are large, the first of them only: see `is_full`.
    """
    columns = deliveries.c
    due = (
        columns.id.in_(ids)
        & (columns.state == DeliveryState.RECEIVED)
        & (columns.next_attempt_at <= database.now())
        & (
            columns.attempts >= SUSPECT_ATTEMPTS
            if suspects
            else columns.attempts < SUSPECT_ATTEMPTS
        )
    )
    size = func.coalesce(func.length(columns.body), 0)
    locked = (
        select(columns.id, size.label("size"))
        .where(due)
        .order_by(columns.id)
        .with_for_update(skip_locked=True, key_share=True)
        .subquery()
    )
    before = func.sum(locked.c.size).over(order_by=locked.c.id) - locked.c.size
    sized = select(locked.c.id, before.label("before")).subquery()
    chosen = select(sized.c.id).where(sized.c.before < CLAIM_BYTES)
    statement = (
        update(deliveries)
        .where(columns.id.in_(chosen), columns.state == DeliveryState.RECEIVED)
        .values(
            attempts=columns.attempts + 1,
            next_attempt_at=database.now(plus_seconds=LEASE_SECONDS),
        )
        .returning(
            columns.id,
            columns.source,
            columns.body,
            columns.headers,
            columns.received_at,
            columns.vendor_id,
            columns.attempts,
            columns.redacted,
            database.now().label("claimed_at"),
        )
    )
    async with database.write() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return [_claimed(row) for row in rows]


def is_full(claimed: Sequence[ClaimedDelivery]) -> bool:
    """Whether a claim ended because of the bytes of its bodies, so that others may be left."""
    return sum(len(one.body) for one in claimed) >= CLAIM_BYTES


def _claimed(row: Any) -> ClaimedDelivery:
    fields = {name: row[name] for name in ClaimedDelivery.__slots__}
    return ClaimedDelivery(**{**fields, "body": row["body"] or b""})


async def suspects_among(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of `ids` that broke off before: each is to be claimed and settled alone.

    The least suspicious first: whoever broke off for a neighbour's sake does not wait for it.
    """
    columns = deliveries.c
    async with database.read() as connection:
        found = await connection.execute(
            select(columns.id)
            .where(
                columns.id.in_(ids),
                columns.state == DeliveryState.RECEIVED,
                columns.attempts >= SUSPECT_ATTEMPTS,
                columns.next_attempt_at <= database.now(),
            )
            .order_by(columns.attempts, columns.received_at, columns.id)
        )
        return list(found.scalars())


async def keep_alive(database: Database, ids: Sequence[str]) -> None:
    """Move the lease of a long attempt on, so that nobody takes it for broken off."""
    await _set(database, ids, next_attempt_at=database.now(plus_seconds=LEASE_SECONDS))


async def forgive(database: Database, ids: Sequence[str], *, after_seconds: float) -> None:
    """Take back an attempt that a neighbour's fault ended; try again after the pause."""
    attempts = deliveries.c.attempts
    await _set(
        database,
        ids,
        attempts=case((attempts > 0, attempts - 1), else_=0),
        next_attempt_at=database.now(plus_seconds=after_seconds),
    )


async def put_off(database: Database, ids: Sequence[str], *, after_seconds: float) -> None:
    """Leave an attempt counted as unfinished; try again after the pause."""
    await _set(database, ids, next_attempt_at=database.now(plus_seconds=after_seconds))


async def give_up(database: Database, claimed: ClaimedDelivery) -> None:
    """Fail a delivery that broke off too often, visibly and replayable."""
    detail = INTERNAL_DETAIL.format(attempts=LAST_ATTEMPT)
    async with database.write() as connection:
        done = await connection.execute(
            update(deliveries)
            .where(deliveries.c.id == claimed.id, deliveries.c.state == DeliveryState.RECEIVED)
            .values(
                state=DeliveryState.FAILED,
                reason="internal",
                detail=detail,
                failure_group=group_id(claimed.source, "internal", None, detail),
                attempts=LAST_ATTEMPT,  # giving up is none
                settled_at=database.now(),
            )
        )
        if done.rowcount:
            await note_results(connection, [claimed.id], DeliveryState.FAILED)


async def _set(database: Database, ids: Sequence[str], **values: Any) -> None:
    async with database.write() as connection:
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.RECEIVED)
            .values(**values)
        )
