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
        result = await connection.execute(query.where(columns.id == delivery_id))
        row = result.mappings().one_or_none()
    if row is None:
        return None
    fields = dict(row)
    evidence = fields.pop("evidence")
    if fields["body"] is None:
        raise BodyGone(delivery_id, evidence)
    return DeliveryInput(source=source, oldest_days=oldest_days, **fields)
