"""List deliveries, newest first (100 by default)."""

from __future__ import annotations

from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.billed import Billed, amounts, in_words, read_billed, total
from jobs.queries.deliveries.listing import DeliveryItem, count_deliveries, list_deliveries
from jobs.queries.identification import whole_filter
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT
from receiver.cli.common import options as arg
from receiver.cli.common.formatting import why
from receiver.cli.common.names import refuse_misspelt
from receiver.cli.common.session import Session
from receiver.terminal.output import Cell, Output, deliveries_counted, state_text

EXAMPLES = (
    "receiver deliveries --since 1h",
    "receiver deliveries --state failed --source zendesk",
)


def deliveries(
    ids: arg.Ids = None,
    *,
    limit: arg.Limit = None,
    as_json: arg.Json = False,
    **given: arg.DeliveryFilter,
) -> None:
    """Print the newest deliveries that match; `limit` over as many pages as it takes."""
    session, out = Session(), Output(as_json=as_json)
    where = session.run(whole_filter, DeliveryFilter.parse(given, session.zone, ids=ids or None))
    refuse_misspelt(session, where)
    number, items, billed = session.run(_newest, where, limit or DEFAULT_LIMIT)
    if as_json:
        out.json([item.model_dump(mode="json") for item in items])
        return
    out.line(
        deliveries_counted(number) + (f", the newest {len(items)}:" if number > len(items) else "")
    )
    if items:
        columns = ("=id", "source", "=state", "=received", ">outcomes", "billed", ">repeats", "why")
        rows = [_row(item, billed[item.id], in_full=out.is_wide) for item in items]
        out.table(columns, rows)
        if sums := total(billed.values()):
            out.line(f"billed by these: {amounts(sums)}")


async def _newest(
    database: Database, where: DeliveryFilter, limit: int
) -> tuple[int, list[DeliveryItem], dict[str, Billed]]:
    number = await count_deliveries(database, where)
    items: list[DeliveryItem] = []
    cursor = None
    while len(items) < limit:
        left = min(limit - len(items), MAX_LIMIT)
        page = await list_deliveries(database, where, limit=left, cursor=cursor)
        items += page.items
        cursor = page.next
        if cursor is None:
            break
    return number, items, await read_billed(database, [item.id for item in items])


def _row(item: DeliveryItem, billed: Billed, *, in_full: bool) -> tuple[Cell, ...]:
    return (
        item.id,
        item.source,
        state_text(item.state),
        item.received_at,
        item.outcomes,
        in_words(billed, state=item.state, reason=item.reason),
        item.duplicates,
        why(item.reason, item.detail) if in_full else item.reason,
    )
