"""Deliveries that wait and that nobody will look at for long.

A lease lasts seconds and so does every pause between attempts. Late ones are a backlog, which is
told elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from jobs.audits.findings import Looked
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: No pause of ours is this long.
AHEAD_SECONDS = 600.0


async def look_at_waiting(database: Database, _progress: Mapping[str, Any]) -> Looked:
    """How many are put off further than any pause goes."""
    columns = deliveries.c
    ahead = database.now(plus_seconds=AHEAD_SECONDS)
    query = select(func.count(), func.max(columns.next_attempt_at)).where(
        columns.state == DeliveryState.RECEIVED, columns.next_attempt_at > ahead
    )
    async with database.read() as connection:
        found, last = (await connection.execute(query)).one()
    if not found:
        return Looked(found=0)
    says = f"{found} deliveries wait for a next attempt as late as {last:%Y-%m-%d %H:%M}Z"
    return Looked(found=found, says=(says,))
