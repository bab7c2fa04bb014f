"""Two counts that are made independently: what intake accepted, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from jobs.audits.results import RoundResult, fault
from jobs.common.states import DeliveryState
from jobs.health.problem import Problem
from jobs.queries.deliveries.status import Status, read_status
from jobs.storage.database import Database


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
