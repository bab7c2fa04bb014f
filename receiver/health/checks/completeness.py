"""Whether the ledger is complete up to now, or a transaction that does not end holds that back."""

from __future__ import annotations

from datetime import datetime, timedelta

from jobs.ledger.horizon import InFlight, oldest_in_flight, wait_for_horizon
from jobs.queries.sources.silence import span
from jobs.storage.database import Database
from receiver.health.problem import Finding, Report

#: Transactions of this service take seconds.
BEHIND = timedelta(minutes=10)
#: For so long a transaction in flight is waited for.
PATIENCE_SECONDS = 3.0


async def check_complete(database: Database) -> Report:
    """Whether exports and closed periods go on."""
    horizon = await wait_for_horizon(database, seconds=PATIENCE_SECONDS)
    async with database.read() as connection:
        now = await database.time(connection)
    return of_horizon(horizon, now=now, oldest=await oldest_in_flight(database))


def of_horizon(horizon: datetime, *, now: datetime, oldest: InFlight | None) -> Report:
    """`oldest` is the transaction that holds it back, where the database names it."""
    behind = now - horizon
    if behind <= BEHIND:
        return Report("the ledger is complete up to now")
    detail = f"billing events are complete only until {span(behind.total_seconds())} ago"
    if oldest is None:
        remediation = "another program holds a transaction that writes open; end it"
    else:
        remediation = f"end the transaction of {oldest}"
    return Report(detail, (Finding(detail, f"exports and closing wait: {remediation}"),))
