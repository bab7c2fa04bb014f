"""The ids that completion offers: of the newest deliveries, and of groups of failures."""

from __future__ import annotations

from collections.abc import Sequence

from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.listing import list_deliveries
from jobs.queries.identification import ids_from
from jobs.storage.database import Database
from receiver.cli.common.session import Session


def delivery_ids(start: str, limit: int) -> Sequence[str]:
    """Ids that begin so; of the newest deliveries where nothing is written yet."""

    async def read(database: Database) -> list[str]:
        if start:
            return await ids_from(database, start, limit=limit)
        page = await list_deliveries(database, DeliveryFilter(), limit=limit)
        return [one.id for one in page.items]

    return Session().run(read)


def failure_groups() -> Sequence[str]:
    """The ids of the groups that are failed now."""
    return [group.id for group in Session().run(read_failures)]
