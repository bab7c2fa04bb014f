"""One intake transaction: new deliveries, repeats, reused ids and the count, all or nothing.

Owns the SQL of the group commit, and that all of a group is received at one moment of the
database's clock, whatever the clock of the web process says; ids keep the order of arrival within
it. Refuses to decide when to commit; see `jobs.intake.inbox`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, insert, null, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import InboxUnavailable
from jobs.common.failure_groups import group_id
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, intake
from mappings.engine.types import Reason

#: A transaction that takes longer than this has lost its connection.
TRANSACTION_SECONDS = 5.0

#: So much of a reused id is kept before the body's hash: 255 characters in all.
REUSED_ID_CHARS = 190

REUSED_DETAIL = (
    "the vendor's signed delivery id, or all that it signs, was used before with another body; "
    "replay it to settle it as a delivery of its own, or discard it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A verified POST on its way into the database.

    `headers` have lower-case names and no credentials. `vendor_id` is the
    vendor's delivery id; `id_signed` says that the signature covers it. `one_body` says that
    the same dedupe key with another body is `id-reused` and not a repeat. `body_sha256` is hex,
    of the bytes as they came; `redacted` values were taken out of `body` and `headers` since.
    `verified_by` is the name of the secret that verified it.
    """

    source: str
    dedupe_key: str
    body: bytes
    body_sha256: str
    headers: dict[str, str]
    vendor_id: str | None = None
    id_signed: bool = False
    one_body: bool = False
    redacted: int = 0
    verified_by: str | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """A committed delivery: its id, or the first one's id where this is a repeat."""

    delivery_id: str
    duplicate: bool


@dataclass(slots=True)
class Pending:
    """A delivery waiting for its commit, and the caller waiting for the answer."""

    incoming: Incoming
    delivery_id: str
    done: asyncio.Future[Accepted]
    deadline: float

    @property
    def key(self) -> DedupeKey:
        return DedupeKey(self.incoming.source, self.incoming.dedupe_key)

    def accept(self, accepted: Accepted) -> None:
        if not self.done.done():
            self.done.set_result(accepted)

    def refuse(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(InboxUnavailable(why))
            self.done.exception()  # its caller may have gone; that is no error of ours


class DedupeKey(NamedTuple):
    source: str
    key: str


class Anchor(NamedTuple):
    """The delivery that a dedupe key stands for."""

    delivery_id: str
    body_sha256: str
    state: str


@dataclass(frozen=True, slots=True)
class Row:
    """A delivery to insert under `key`: `received`, or `failed: id-reused`."""

    pending: Pending
    key: DedupeKey
    reused: bool = False

    def values(self) -> dict[str, Any]:
        incoming = self.pending.incoming
        return {
            "id": self.pending.delivery_id,
            "source": incoming.source,
            "dedupe_key": self.key.key,
            "vendor_id": self._vendor_id(),
            "body": incoming.body,
            "body_sha256": incoming.body_sha256,
            "headers": incoming.headers,
            "redacted": incoming.redacted,
            "verified_by": incoming.verified_by,
            "state": DeliveryState.FAILED if self.reused else DeliveryState.RECEIVED,
            "reason": Reason.ID_REUSED.value if self.reused else None,
            "detail": REUSED_DETAIL if self.reused else None,
            "failure_group": self._group() if self.reused else None,
        }

    def _group(self) -> str:
        reason = Reason.ID_REUSED.value
        return group_id(self.pending.incoming.source, reason, None, REUSED_DETAIL)

    def _vendor_id(self) -> str | None:
        """What `once_per: delivery` bills once; a reused id stands for this body alone."""
        incoming = self.pending.incoming
        if not incoming.id_signed or incoming.vendor_id is None:
            return None
        if not self.reused:
            return incoming.vendor_id
        return f"{incoming.vendor_id[:REUSED_ID_CHARS]}#{incoming.body_sha256}"


class Intake:
    """Commits groups of deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(
        self, batch: Sequence[Pending], *, lock_seconds: float | None = None
    ) -> list[str]:
        """Commit the group and answer its callers; return the ids that the workers should hear.

        `lock_seconds` is how long it waits for each lock of others, if not as its engine says.
        Raises whatever the database raised; then nothing of the group was kept by this call,
        or all of it was and the next try finds repeats.
        """
        async with asyncio.timeout(TRANSACTION_SECONDS), self._database.write() as connection:
            if lock_seconds is not None:
                await self._database.limit_locks(connection, lock_seconds)
            answers, to_ring = await self._keep(connection, batch)
        for pending, accepted in zip(batch, answers, strict=True):
            pending.accept(accepted)
        return to_ring

    async def _keep(
        self, connection: AsyncConnection, batch: Sequence[Pending]
    ) -> tuple[list[Accepted], list[str]]:
        rows = [Row(pending, pending.key) for pending in batch]
        anchors, new = await self._insert(connection, rows)
        rows = [_row_of_its_own(row) if _reuses_id(row, anchors[row.key]) else row for row in rows]
        if reused := [row for row in rows if row.reused]:
            more_anchors, more_new = await self._insert(connection, reused)
            anchors |= more_anchors
            new |= more_new
        answers = [_answer(row, anchors[row.key]) for row in rows]
        await _count_repeats(connection, answers, self._database.now())
        if new:
            moment = self._database.transaction_time()
            await connection.execute(insert(intake).values(committed_at=moment, accepted=len(new)))
        heard = {
            anchors[row.key].delivery_id
            for row in rows
            if not row.reused
            and anchors[row.key].state in (DeliveryState.RECEIVED, DeliveryState.FAILED)
        }
        return answers, sorted(heard)

    async def _insert(
        self, connection: AsyncConnection, rows: Sequence[Row]
    ) -> tuple[dict[DedupeKey, Anchor], set[str]]:
        """Insert the first row of each key; return what each key stands for, and the new ids.

        Sorted by key, so that two web processes take the same keys in the same order.
        """
        firsts: dict[DedupeKey, Row] = {}
        for row in rows:
            firsts.setdefault(row.key, row)
        moment = self._database.transaction_time()
        times = {"received_at": moment, "next_attempt_at": moment}
        if rows[0].reused:  # then all are, and are settled by it
            times["settled_at"] = moment
        statement = (
            self._database.insert_or_skip(deliveries).values(times).returning(deliveries.c.id)
        )
        inserted = await connection.execute(
            statement, [firsts[key].values() for key in sorted(firsts)]
        )
        new = set(inserted.scalars())
        anchors = {
            key: Anchor(
                row.pending.delivery_id,
                row.pending.incoming.body_sha256,
                "failed-for-good" if row.reused else DeliveryState.RECEIVED,
            )
            for key, row in firsts.items()
            if row.pending.delivery_id in new
        }
        known = [key for key in firsts if key not in anchors]
        return anchors | await _find(connection, known), new


async def _find(connection: AsyncConnection, keys: Sequence[DedupeKey]) -> dict[DedupeKey, Anchor]:
    if not keys:
        return {}
    columns = deliveries.c
    found = await connection.execute(
        select(
            columns.source, columns.dedupe_key, columns.id, columns.body_sha256, columns.state
        ).where(tuple_(columns.source, columns.dedupe_key).in_(keys))
    )
    return {
        DedupeKey(source, key): Anchor(delivery_id, body_sha256, state)
        for source, key, delivery_id, body_sha256, state in found
    }


def _answer(row: Row, anchor: Anchor) -> Accepted:
    """Not a duplicate of itself: a first try may have been committed without our hearing of it."""
    return Accepted(anchor.delivery_id, duplicate=anchor.delivery_id != row.pending.delivery_id)


def _reuses_id(row: Row, anchor: Anchor) -> bool:
    incoming = row.pending.incoming
    return (incoming.id_signed or incoming.one_body) and anchor.body_sha256 != incoming.body_sha256


def _row_of_its_own(row: Row) -> Row:
    key = f"{row.key.key}#{row.pending.incoming.body_sha256}"
    return Row(row.pending, DedupeKey(row.key.source, key), reused=True)


async def _count_repeats(
    connection: AsyncConnection, answers: Sequence[Accepted], now: ColumnElement[Any]
) -> None:
    """Count each repeat on its delivery; a repeat of a failed one wakes it again.

    Not one with a reused id: which of its bodies is true is for a person to say.
    """
    repeats = Counter(answer.delivery_id for answer in answers if answer.duplicate)
    if not repeats:
        return
    columns = deliveries.c
    wakes = and_(columns.state == DeliveryState.FAILED, columns.reason != Reason.ID_REUSED.value)
    await connection.execute(
        update(deliveries)
        .where(columns.id == bindparam("repeated_id"))
        .values(
            duplicates=columns.duplicates + bindparam("times"),
            state=case((wakes, DeliveryState.RECEIVED), else_=columns.state),
            attempts=case((wakes, 0), else_=columns.attempts),
            next_attempt_at=case((wakes, now), else_=columns.next_attempt_at),
            settled_at=case((wakes, null()), else_=columns.settled_at),
            reason=case((wakes, null()), else_=columns.reason),
            detail=case((wakes, null()), else_=columns.detail),
            rule=case((wakes, null()), else_=columns.rule),
            held_back=case((wakes, 0), else_=columns.held_back),
            failure_group=case((wakes, null()), else_=columns.failure_group),
        ),
        [
            {"repeated_id": delivery_id, "times": times}
            for delivery_id, times in sorted(repeats.items())
        ],
    )
