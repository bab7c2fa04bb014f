"""Counts over all deliveries: whether each that was accepted is there, and none waits too long."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select

from jobs.audits.results import RoundResult, fault
from jobs.common.problem import Problem
from jobs.common.states import DeliveryState
from jobs.queries.deliveries.status import Status, read_status
from jobs.storage.database import Database
from jobs.storage.schema import deliveries

#: A lease lasts seconds, and so does every pause between attempts.
AHEAD_SECONDS = 600.0


async def audit_balance(database: Database, _progress: Mapping[str, Any]) -> RoundResult:
    """Whether every acknowledged delivery is accounted for, as of one moment."""
    return RoundResult.of(imbalance(await read_status(database)))


def imbalance(status: Status) -> list[Problem]:
    """The fault, where the two counts differ."""
    if status.balances:
        return []
    kept = sum(getattr(status, state) for state in DeliveryState)
    by_state = " + ".join(f"{getattr(status, state)} {state}" for state in DeliveryState)
    off = status.accepted - kept
    what = f"{off} are missing" if off > 0 else f"{-off} were never accepted"
    summary = (
        f"{status.accepted} deliveries were accepted and {kept} are there ({by_state}): {what}"
    )
    return [fault("balance", summary)]


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
