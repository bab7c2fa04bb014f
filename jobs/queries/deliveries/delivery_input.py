"""A stored delivery as the mapping sees it, to explain what a mapping makes of it."""

from __future__ import annotations

from sqlalchemy import select

from jobs.privacy.evidence import BodyGone
from jobs.storage.database import Database
from jobs.storage.schema import deliveries
from mappings.engine.types import DeliveryInput


async def read_input(
    database: Database, delivery_id: str, *, source: str, oldest_days: int | None
) -> DeliveryInput | None:
    """The delivery as if `source` had taken it; None if it is not known. Raises BodyGone."""
    columns = deliveries.c
    query = select(
        columns.body,
        columns.headers,
        columns.received_at,
        columns.vendor_id,
        columns.evidence,
        columns.redacted,
        database.now().label("judged_at"),
    )
    async with database.read() as connection:
        found = await connection.execute(query.where(columns.id == delivery_id))
        row = found.one_or_none()
    if row is None:
        return None
    if row.body is None:
        raise BodyGone(delivery_id, row.evidence)
    return DeliveryInput(
        source=source,
        body=row.body,
        headers=row.headers,
        received_at=row.received_at,
        judged_at=row.judged_at,
        vendor_id=row.vendor_id,
        oldest_days=oldest_days,
        redacted=row.redacted,
    )
