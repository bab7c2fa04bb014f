"""Deliveries whose next attempt lies far ahead.

A lease lasts seconds and so does every pause between attempts. Late ones are a backlog, which is a
check of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from jobs.audits.results import RoundResult
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: No pause of ours is this long.
AHEAD_SECONDS = 600.0


async def audit_waiting(database: Database, _progress: Mapping[str, Any]) -> RoundResult:
    """How many are scheduled further ahead than any pause goes."""
    columns = deliveries.c
    ahead = database.now(plus_seconds=AHEAD_SECONDS)
    query = select(func.count(), func.max(columns.next_attempt_at)).where(
        columns.state == DeliveryState.RECEIVED, columns.next_attempt_at > ahead
    )
    async with database.read() as connection:
        found, last = (await connection.execute(query)).one()
    if not found:
        return RoundResult(found=0)
    summary = f"{found} deliveries wait for a next attempt as late as {last:%F %H:%M}Z"
    return RoundResult(found=found, summaries=(summary,))
