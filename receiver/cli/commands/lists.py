"""`deliveries`."""

from __future__ import annotations

from collections.abc import Mapping

from jobs.database import Database
from jobs.filters import DeliveryFilter
from jobs.queries.listing import count_deliveries, list_deliveries
from jobs.queries.paging import DEFAULT_LIMIT, MOST
from jobs.queries.shapes import (
    DeliveryItem,
)
from receiver.asking import delivery_filter
from receiver.cli.naming import refuse_misspelt
from receiver.cli.output import Cell, Output, deliveries_counted, state_text
from receiver.cli.session import Session


def deliveries(
    ids: list[str], given: Mapping[str, str | None], *, limit: int | None, as_json: bool
) -> None:
    """The newest deliveries that fit; `limit` over as many pages as it takes."""
    session, out = Session(), Output(as_json=as_json)
    where = delivery_filter(given, session.zone, ids=ids or None)
    refuse_misspelt(session, where)
    total, items = session.run(_newest, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    out.line(
        deliveries_counted(total) + (f", the newest {len(items)}:" if total > len(items) else "")
    )
    if items:
        columns = ("=id", "source", "=state", "=received", ">outcomes", ">repeats", "why")
        out.table(columns, [_row(item, in_full=out.is_wide) for item in items])


async def _newest(
    database: Database, where: DeliveryFilter, limit: int
) -> tuple[int, list[DeliveryItem]]:
    total = await count_deliveries(database, where)
    items: list[DeliveryItem] = []
    cursor = None
    while len(items) < limit:
        left = min(limit - len(items), MOST)
        page = await list_deliveries(database, where, limit=left, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return total, items


def _row(item: DeliveryItem, *, in_full: bool) -> tuple[Cell, ...]:
    return (
        item.id,
        item.source,
        state_text(item.state),
        item.received_at,
        item.outcomes,
        item.duplicates,
        why(item.reason, item.detail) if in_full else item.reason,
    )


def why(reason: str | None, detail: str | None) -> str | None:
    """Reason and detail in one, as far as there are any."""
    return ": ".join(part for part in (reason, detail) if part) or None
