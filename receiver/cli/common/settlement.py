"""The state of a delivery that was just posted, and what it billed.

A vendor gets the answer that its delivery is accepted; a user also wants to know what it billed.
"""

from __future__ import annotations

import time

from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.heartbeat import alive
from jobs.queries.deliveries.billed import in_words, read_billed
from jobs.queries.deliveries.listing import DeliveryItem, list_deliveries
from jobs.storage.database import Database
from receiver.cli.common.session import Session

#: A delivery settles within milliseconds if a worker runs and the machine is not busy.
PATIENCE_SECONDS = 10.0
LOOK_SECONDS = 0.05


def settlement_text(session: Session, delivery_id: str) -> str | None:
    """State and what was billed; None if the delivery is not in this installation's database."""
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        found = session.run_if_made(lambda database: _look(database, delivery_id), otherwise=None)
        if found is None:
            return None
        item, billed, is_awaited = found
        if item.state != DeliveryState.RECEIVED:
            why = f": {item.reason}" if item.reason else ""
            return f"{item.state}{why}, billed: {billed}"
        if not is_awaited:
            return "received; nothing is billed until a worker runs (`receiver work`)"
        if time.monotonic() > until:
            return f"received; see `receiver show {delivery_id}` for the outcome"
        time.sleep(LOOK_SECONDS)


async def _look(database: Database, delivery_id: str) -> tuple[DeliveryItem, str, bool] | None:
    page = await list_deliveries(database, DeliveryFilter(ids=(delivery_id,)))
    if not page.items:
        return None
    (item,) = page.items
    billed = (await read_billed(database, [delivery_id]))[delivery_id]
    worker = await alive(database, role="work")
    return item, in_words(billed, state=item.state, reason=item.reason), bool(worker)
