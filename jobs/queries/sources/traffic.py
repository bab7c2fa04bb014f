"""What has come from each source: deliveries, rejections, which secrets verified them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pydantic import AwareDatetime, Field
from sqlalchemy import func, select

from jobs.queries.shape import Shape
from jobs.queries.sources.rejections import last_rejections
from jobs.queries.sources.silence import Heard, Silent, silent
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, mapping_files, secret_uses
from mappings.engine.loading.load import MappingSet


class SecretUse(Shape):
    """How many requests a secret verified, and when the last one."""

    count: int
    last_used_at: AwareDatetime


class SourceTraffic(Shape):
    """What has come from a source so far; `uses` by the names of its secrets."""

    deliveries: int = 0
    last_delivery: AwareDatetime | None = None
    last_rejection: AwareDatetime | None = None
    last_rejection_cause: str | None = None
    uses: dict[str, SecretUse] = Field(default_factory=dict)


async def read_traffic(database: Database) -> dict[str, SourceTraffic]:
    """By source, those that have sent anything at all."""
    columns = deliveries.c
    query = select(columns.source, func.count(), func.max(columns.received_at))
    async with database.read() as connection:
        rows = await connection.execute(query.group_by(columns.source))
        accepted = {source: (number, last) for source, number, last in rows}
    rejected = await last_rejections(database)
    uses = await read_uses(database)
    traffic = {}
    for source in {*accepted, *rejected, *uses}:
        number, last = accepted.get(source, (0, None))
        rejected_at, cause = rejected.get(source, (None, None))
        traffic[source] = SourceTraffic(
            deliveries=number,
            last_delivery=last,
            last_rejection=rejected_at,
            last_rejection_cause=cause,
            uses=uses.get(source, {}),
        )
    return traffic


async def read_heard(database: Database, files: Mapping[str, str]) -> dict[str, Heard]:
    """When each of these sources was last heard of; `files` has the mapping file of each.

    A repeat is no row of its own; that a secret verified it is counted.
    """
    columns = deliveries.c
    heard: dict[str, Heard] = {}
    async with database.read() as connection:
        texts = await connection.execute(select(mapping_files.c.name, mapping_files.c.updated_at))
        known = {row[0]: row[1] for row in texts}
        uses = await connection.execute(
            select(secret_uses.c.source, func.max(secret_uses.c.last_used_at)).group_by(
                secret_uses.c.source
            )
        )
        verified = {row[0]: row[1] for row in uses}
        for source, file in files.items():
            received = await connection.scalar(
                select(func.max(columns.received_at)).where(columns.source == source)
            )
            times = [at for at in (received, verified.get(source)) if at is not None]
            heard[source] = Heard(last=max(times, default=None), known_since=known.get(file))
    return heard


async def read_silent(database: Database, mappings: MappingSet) -> list[Silent]:
    """The sources of these mappings that are silent for longer than they call normal."""
    watched = {
        name: source.file
        for name, source in mappings.sources.items()
        if source.expect_every is not None
    }
    if not watched:
        return []
    heard = await read_heard(database, watched)
    async with database.read() as connection:
        now = await connection.scalar(select(database.now()))
    return silent(mappings, heard, now or datetime.now(UTC))


async def read_uses(database: Database) -> dict[str, dict[str, SecretUse]]:
    """By source and name of the secret."""
    uses: dict[str, dict[str, SecretUse]] = {}
    async with database.read() as connection:
        for row in (await connection.execute(select(secret_uses))).mappings():
            use = SecretUse(count=row["count"], last_used_at=row["last_used_at"])
            uses.setdefault(row["source"], {})[row["secret"]] = use
    return uses
