"""List deliveries, newest first (100 by default)."""

from __future__ import annotations

from jobs.filters import DeliveryFilter
from jobs.queries.deliveries.billed import Billed, amounts, in_words, read_billed, total
from jobs.queries.deliveries.listing import DeliveryItem, count_deliveries, list_deliveries
from jobs.storage.database import Database
from receiver.cli.common import options as arg
from receiver.cli.common.filters import delivery_filter, newest
from receiver.cli.common.session import Session
from receiver.terminal.output import Columns, Output, deliveries_counted, state_text, why

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
    where = delivery_filter(session, ids, given)
    number, items, billed = session.run(_read, where, limit)
    if as_json:
        out.json(items)
        return
    out.line(
        deliveries_counted(number) + (f", the newest {len(items)}:" if number > len(items) else "")
    )
    columns: Columns[DeliveryItem] = {
        "=id": lambda item: item.id,
        "source": lambda item: item.source,
        "=state": lambda item: state_text(item.state),
        "=received": lambda item: item.received_at,
        ">outcomes": lambda item: item.outcomes,
        "billed": lambda item: in_words(billed[item.id], state=item.state, reason=item.reason),
        ">repeats": lambda item: item.duplicates,
        "why": lambda item: why(item.reason, item.detail) if out.is_wide else item.reason,
    }
    if items:
        out.records(columns, items)
        if sums := total(billed.values()):
            out.line(f"billed by these: {amounts(sums)}")


async def _read(
    database: Database, where: DeliveryFilter, limit: int | None
) -> tuple[int, list[DeliveryItem], dict[str, Billed]]:
    items = await newest(database, list_deliveries, where, limit)
    billed = await read_billed(database, [item.id for item in items])
    return await count_deliveries(database, where), items, billed
