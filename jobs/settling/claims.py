"""Claims: who may take a delivery up, and the writes that end a claim without settling.

Owns `attempts` and `next_attempt_at`; what they become is decided in `retry.py`. An attempt is
committed before mapping starts, so that a delivery which kills its process is known: with 2
unfinished attempts it is settled alone, with 5 it fails as `internal`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import case, func, select, update

from jobs.common.failure_groups import group_id
from jobs.common.states import DeliveryState
from jobs.ledger.fold import ClaimedDelivery
from jobs.ledger.recording import NoteResults
from jobs.settling import retry
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: A claim ends with the body that reaches this many bytes: memory is that of some bodies.
CLAIM_BYTES = 16 * 1024 * 1024
#: The columns of a claimed delivery.
STORED = tuple(name for name in ClaimedDelivery.__slots__ if name != "claimed_at")

INTERNAL_DETAIL = (
    "settling it broke off {attempts} times; the log has the traceback. "
    "Replay it once the cause is fixed"
)


async def claim(
    database: Database, ids: Sequence[str], *, poisoned: bool = False
) -> list[ClaimedDelivery]:
    """Start an attempt at those of `ids` that wait and are due; commit that; return them.

    Ordinary deliveries, or with `poisoned` those with unfinished attempts behind them. Where their
    bodies are large, the first of them only: see `is_full`.
    """
    columns = deliveries.c
    due = (
        columns.id.in_(ids)
        & (columns.state == DeliveryState.RECEIVED)
        & (columns.next_attempt_at <= database.now())
        & (
            columns.attempts >= retry.POISONED_ATTEMPTS
            if poisoned
            else columns.attempts < retry.POISONED_ATTEMPTS
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
            next_attempt_at=database.now(plus_seconds=retry.LEASE_SECONDS),
        )
        .returning(*(columns[name] for name in STORED), database.now().label("claimed_at"))
    )
    async with database.write() as connection:
        rows = (await connection.execute(statement)).mappings().all()
    return [ClaimedDelivery(**{**row, "body": row["body"] or b""}) for row in rows]


def is_full(claimed: Sequence[ClaimedDelivery]) -> bool:
    """Whether a claim ended because of the bytes of its bodies, so that others may be left."""
    return sum(len(delivery.body) for delivery in claimed) >= CLAIM_BYTES


async def poisoned_among(database: Database, ids: Sequence[str]) -> list[str]:
    """The poisoned deliveries of `ids`: each is to be claimed and settled alone.

    Fewest attempts first: a delivery that broke off because of a neighbour does not wait for it.
    """
    columns = deliveries.c
    async with database.read() as connection:
        poisoned = await connection.execute(
            select(columns.id)
            .where(
                columns.id.in_(ids),
                columns.state == DeliveryState.RECEIVED,
                columns.attempts >= retry.POISONED_ATTEMPTS,
                columns.next_attempt_at <= database.now(),
            )
            .order_by(columns.attempts, columns.received_at, columns.id)
        )
        return list(poisoned.scalars())


async def keep_alive(database: Database, ids: Sequence[str]) -> None:
    """Extend the lease of a long attempt, so that no other worker claims its deliveries."""
    await _set(database, ids, next_attempt_at=database.now(plus_seconds=retry.LEASE_SECONDS))


async def release(database: Database, ids: Sequence[str], *, after_seconds: float) -> None:
    """End an attempt and take it back from `attempts`; try again after the pause."""
    attempts = deliveries.c.attempts
    await _set(
        database,
        ids,
        attempts=case((attempts > 0, attempts - 1), else_=0),
        next_attempt_at=database.now(plus_seconds=after_seconds),
    )


async def reschedule(database: Database, ids: Sequence[str], *, after_seconds: float) -> None:
    """End an attempt and leave it counted; try again after the pause."""
    await _set(database, ids, next_attempt_at=database.now(plus_seconds=after_seconds))


async def fail_permanently(
    database: Database, claimed: ClaimedDelivery, note_results: NoteResults
) -> None:
    """Fail a delivery whose attempts are exhausted, visibly and replayable."""
    detail = INTERNAL_DETAIL.format(attempts=retry.LAST_ATTEMPT)
    async with database.write() as connection:
        done = await connection.execute(
            update(deliveries)
            .where(deliveries.c.id == claimed.id, deliveries.c.state == DeliveryState.RECEIVED)
            .values(
                state=DeliveryState.FAILED,
                reason="internal",
                detail=detail,
                failure_group=group_id(claimed.source, "internal", None, detail),
                attempts=retry.LAST_ATTEMPT,  # this is none
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
