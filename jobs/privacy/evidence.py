"""What is left of a delivery's body, and its removal.

Owns the one statement that removes a body, and the reason shown for it. The stored headers are
removed too: they may identify a person, and mapping has no more use for them. Refuses deliveries
that are still to be settled (`received`, `failed`), by condition here and by constraint in the
table.
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
    PURGED = "purged"  # a customer in it was erased


#: Why a body is missing, as the end of a sentence about it.
WHY_GONE: Mapping[str, str] = {
    Evidence.EXPIRED: "was removed by retention (RECEIVER_RETENTION_DAYS)",
    Evidence.PURGED: "was removed by `receiver purge`: a customer in it was erased",
}

#: States whose bodies may be removed: nothing is settled from them without a request.
REMOVABLE = (DeliveryState.RECORDED, DeliveryState.IGNORED, DeliveryState.DISCARDED)


class BodyGone(JobsError):
    """The delivery is known, but its body has been removed; the message gives the reason."""

    def __init__(self, delivery_id: str, evidence: str) -> None:
        why = WHY_GONE.get(evidence, "is not kept")
        super().__init__(f"the body of {delivery_id} {why}")


async def remove_bodies(
    database: Database, ids: Sequence[str], why: Evidence, *, patient: bool = False
) -> int:
    """Remove the removable bodies among `ids` in one transaction; return their number.

    Rows locked by another transaction are skipped, unless `patient`.
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
        ids = list(locked.scalars())
        if not ids:
            return 0
        removed: dict[str, Any] = {"body": null(), "headers": {}, "evidence": why.value}
        result = await connection.execute(
            update(deliveries).where(columns.id.in_(ids), removable).values(removed)
        )
    return result.rowcount
