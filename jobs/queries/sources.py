"""What has come from each source: deliveries, rejections, which secrets proved them."""

from __future__ import annotations

from sqlalchemy import func, select

from jobs.database import Database
from jobs.queries.rejections import last_rejections
from jobs.queries.shapes import SecretUse, SourceTraffic
from jobs.schema import deliveries, secret_uses


async def read_traffic(database: Database) -> dict[str, SourceTraffic]:
    """By source, those that have sent anything at all."""
    columns = deliveries.c
    query = select(columns.source, func.count(), func.max(columns.received_at))
    async with database.read() as connection:
        rows = await connection.execute(query.group_by(columns.source))
        accepted = {source: (number, last) for source, number, last in rows}
    rejected = await last_rejections(database)
    uses = await read_uses(database)
    return {
        source: SourceTraffic(
            deliveries=accepted.get(source, (0, None))[0],
            last_delivery=accepted.get(source, (0, None))[1],
            last_rejection=rejected.get(source, (None, None))[0],
            last_rejection_cause=rejected.get(source, (None, None))[1],
            uses=uses.get(source, {}),
        )
        for source in {*accepted, *rejected, *uses}
    }


async def read_uses(database: Database) -> dict[str, dict[str, SecretUse]]:
    """By source and name of the secret."""
    found: dict[str, dict[str, SecretUse]] = {}
    async with database.read() as connection:
        for row in (await connection.execute(select(secret_uses))).mappings():
            use = SecretUse(count=row["count"], last_used_at=row["last_used_at"])
            found.setdefault(row["source"], {})[row["secret"]] = use
    return found
