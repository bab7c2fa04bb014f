"""One intake transaction: new deliveries, repeats, reused ids and the count, all or nothing.

Owns the SQL of the group commit, and that a whole group is received at one moment of the
database's clock, whatever the clock of the web process shows; ids keep the order of arrival within
it. Refuses to decide when to commit; see `jobs.intake.group_commit`.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, bindparam, case, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import InboxUnavailable
from jobs.common.failure_groups import group_id
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, intake
from jobs.storage.unsettled import unsettled
from mappings.engine.reasons import Reason

#: A transaction that takes longer than this has lost its connection.
TRANSACTION_SECONDS = 5.0

#: Characters of a reused id kept before the body's hash: 255 in all.
REUSED_ID_CHARS = 190

REUSED_DETAIL = (
    "the vendor's signed delivery id, or all that it signs, was used before with another body; "
    "replay it to settle it as a delivery of its own, or discard it"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """A verified POST on its way into the database.

    `headers` have lower-case names and no credentials. `vendor_id` is the vendor's delivery id;
    `id_signed`: the signature covers it. `one_body`: the same dedupe key with another body is
    `id-reused` and not a repeat. `body_sha256` is hex, of the bytes as received; `redacted` values
    were removed from `body` and `headers` since.
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


class DedupeKey(NamedTuple):
    source: str
    key: str


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

    @property
    def own_key(self) -> DedupeKey:
        """The key of this body alone, for a delivery that reuses another's id."""
        source, key = self.key
        return DedupeKey(source, f"{key}#{self.incoming.body_sha256}")

    def reuses_id_of(self, anchor: Anchor) -> bool:
        incoming = self.incoming
        fixed = incoming.id_signed or incoming.one_body
        return fixed and anchor.body_sha256 != incoming.body_sha256

    def accept(self, accepted: Accepted) -> None:
        if not self.done.done():
            self.done.set_result(accepted)

    def refuse(self, reason: str) -> None:
        if not self.done.done():
            self.done.set_exception(InboxUnavailable(reason))
            self.done.exception()  # its caller may have gone; that is not our error


class Anchor(NamedTuple):
    """The delivery that a dedupe key stands for."""

    delivery_id: str
    body_sha256: str
    is_due: bool


class Intake:
    """Commits groups of deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def commit(
        self, batch: Sequence[Pending], *, lock_seconds: float | None = None
    ) -> list[str]:
        """Commit the group and answer its callers; return the ids that the workers should hear.

        `lock_seconds` bounds the wait for each lock of another transaction; None: the engine's
        bound. Raises what the database raises; then either nothing of the group was committed, or
        all of it was and the next try finds repeats.
        """
        async with asyncio.timeout(TRANSACTION_SECONDS), self._database.write() as connection:
            if lock_seconds is not None:
                await self._database.limit_locks(connection, lock_seconds)
            keys = [pending.key for pending in batch]
            anchors, new = await self._insert(connection, keys, batch)
            reused = [n for n, key in enumerate(keys) if batch[n].reuses_id_of(anchors[key])]
            heard = {
                anchors[key]
                for pending, key in zip(batch, keys, strict=True)
                if not pending.reuses_id_of(anchors[key])
            }
            if reused:
                for n in reused:
                    keys[n] = batch[n].own_key
                own_keys, own = [keys[n] for n in reused], [batch[n] for n in reused]
                own_anchors, own_new = await self._insert(connection, own_keys, own, reused=True)
                anchors |= own_anchors
                new |= own_new
            answers = [
                _answer(pending, anchors[key]) for pending, key in zip(batch, keys, strict=True)
            ]
            await _count_repeats(connection, answers, self._database.now())
            if new:
                moment = self._database.transaction_time()
                row = {"committed_at": moment, "accepted": len(new)}
                await connection.execute(insert(intake).values(row))
        for pending, accepted in zip(batch, answers, strict=True):
            pending.accept(accepted)
        return sorted(anchor.delivery_id for anchor in heard if anchor.is_due)

    async def _insert(
        self,
        connection: AsyncConnection,
        keys: Sequence[DedupeKey],
        batch: Sequence[Pending],
        *,
        reused: bool = False,
    ) -> tuple[dict[DedupeKey, Anchor], set[str]]:
        """Insert the first delivery of each key; return what each key stands for, and the new ids.

        Sorted by key, so that two web processes take the same keys in the same order. With
        `reused` the deliveries are settled by it: `failed: id-reused`.
        """
        firsts: dict[DedupeKey, Pending] = {}
        for key, pending in zip(keys, batch, strict=True):
            firsts.setdefault(key, pending)
        moment = self._database.transaction_time()
        times = {"received_at": moment, "next_attempt_at": moment}
        if reused:
            times["settled_at"] = moment
        inserted = await connection.execute(
            self._database.insert_or_skip(deliveries).values(times).returning(deliveries.c.id),
            [_row(key, firsts[key], reused=reused) for key in sorted(firsts)],
        )
        new = set(inserted.scalars())
        anchors = {
            key: Anchor(pending.delivery_id, pending.incoming.body_sha256, is_due=not reused)
            for key, pending in firsts.items()
            if pending.delivery_id in new
        }
        if known := [key for key in firsts if key not in anchors]:
            anchors |= await _find(connection, known)
        return anchors, new


def _row(key: DedupeKey, pending: Pending, *, reused: bool) -> dict[str, Any]:
    """A delivery to insert under `key`: `received`, or `failed: id-reused`."""
    incoming = pending.incoming
    vendor_id = incoming.vendor_id if incoming.id_signed else None
    row: dict[str, Any] = {
        "id": pending.delivery_id,
        "source": incoming.source,
        "dedupe_key": key.key,
        "vendor_id": vendor_id,
        "body": incoming.body,
        "body_sha256": incoming.body_sha256,
        "headers": incoming.headers,
        "redacted": incoming.redacted,
        "verified_by": incoming.verified_by,
        "state": DeliveryState.RECEIVED,
    }
    if reused:
        reason = Reason.ID_REUSED.value
        row |= {
            "state": DeliveryState.FAILED,
            "reason": reason,
            "detail": REUSED_DETAIL,
            "failure_group": group_id(incoming.source, reason, None, REUSED_DETAIL),
        }
        if vendor_id is not None:  # `once_per: delivery` bills this body alone by it
            row["vendor_id"] = f"{vendor_id[:REUSED_ID_CHARS]}#{incoming.body_sha256}"
    return row


async def _find(connection: AsyncConnection, keys: Sequence[DedupeKey]) -> dict[DedupeKey, Anchor]:
    columns = deliveries.c
    rows = await connection.execute(
        select(
            columns.source, columns.dedupe_key, columns.id, columns.body_sha256, columns.state
        ).where(tuple_(columns.source, columns.dedupe_key).in_(keys))
    )
    due = (DeliveryState.RECEIVED, DeliveryState.FAILED)
    return {
        DedupeKey(source, key): Anchor(delivery_id, body_sha256, is_due=state in due)
        for source, key, delivery_id, body_sha256, state in rows
    }


def _answer(pending: Pending, anchor: Anchor) -> Accepted:
    """Not a duplicate of itself: the first try may have been committed without our knowing."""
    return Accepted(anchor.delivery_id, duplicate=anchor.delivery_id != pending.delivery_id)


async def _count_repeats(
    connection: AsyncConnection, answers: Sequence[Accepted], now: ColumnElement[Any]
) -> None:
    """Count each repeat on its delivery; a repeat of a failed delivery makes it due again.

    Not of one with a reused id: a person decides which of its bodies is true.
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
            {
                "duplicates": columns.duplicates + bindparam("times"),
                **{
                    name: case((wakes, value), else_=columns[name])
                    for name, value in unsettled(now).items()
                },
            }
        ),
        [
            {"repeated_id": delivery_id, "times": times}
            for delivery_id, times in sorted(repeats.items())
        ],
    )
