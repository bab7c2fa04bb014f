"""What is left of a delivery's bytes, and taking them away.

Owns the one statement that removes a body, and why it is gone, in words. With a body go its stored
headers: they may tell as much of a person, and mapping can use them no more. Refuses what is still
to be settled (`received`, `failed`), by condition here and by constraint in the table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import null, select, update

from jobs.common.errors import JobsError
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries


class Evidence(StrEnum):
    """What became of a delivery's body."""

    KEPT = "kept"
    EXPIRED = "expired"  # older than retention keeps bodies
    PURGED = "purged"  # it told of a customer whose data was erased


#: Why a body is not there, as the end of a sentence about it.
WHY_GONE: Mapping[str, str] = {
    Evidence.EXPIRED: "was removed by retention (RECEIVER_RETENTION_DAYS)",
    Evidence.PURGED: "was removed by `receiver purge`: a customer in it was erased",
}

#: States whose bodies may go: nothing is settled from them unless a person asks for it.
REMOVABLE = (DeliveryState.RECORDED, DeliveryState.IGNORED, DeliveryState.DISCARDED)


class BodyGone(JobsError):
    """The delivery is known, its body is not kept any more; the message says why."""

    def __init__(self, delivery_id: str, evidence: str) -> None:
        why = WHY_GONE.get(evidence, "is not kept")
        super().__init__(f"the body of {delivery_id} {why}")


async def remove_bodies(
    database: Database, ids: Sequence[str], why: Evidence, *, patient: bool = False
) -> int:
    """Remove the bodies of those that may lose them, in one transaction; how many there were.

    Rows that somebody holds are left for another time, unless `patient`.
    """
    columns = deliveries.c
    removable = columns.state.in_(REMOVABLE) & (columns.evidence == Evidence.KEPT)
    async with database.write() as connection:
        locked = await connection.execute(
            select(columns.id)
            .where(columns.id.in_(ids), removable)
            .order_by(columns.id)
            .with_for_update(skip_locked=not patient, key_share=True)
        )
        held = list(locked.scalars())
        if not held:
            return 0
        gone: dict[str, Any] = {"body": null(), "headers": {}, "evidence": why.value}
        done = await connection.execute(
            update(deliveries).where(columns.id.in_(held), removable).values(gone)
        )
    return done.rowcount
