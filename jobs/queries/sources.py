"""What has come from each source."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.database import Database
from jobs.queries.shapes import SourceTraffic
from jobs.schema import deliveries


async def read_traffic(database: Database) -> dict[str, SourceTraffic]:
    """By source: how many deliveries were accepted, and when the last one was."""
    columns = deliveries.c
    query = select(columns.source, func.count(), func.max(columns.received_at))
    async with database.read() as connection:
        rows = await connection.execute(query.group_by(columns.source))
        return {
            source: SourceTraffic(deliveries=number, last_delivery=last)
            for source, number, last in rows
        }
