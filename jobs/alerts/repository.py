"""The table `alerts`: opening, claiming, marking as sent; by conditional updates.

Owns that of many processes one sends each alert, and that one which could not be sent is tried
again with a growing pause, for as long as it takes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update

from jobs.alerts.alert import Alert
from jobs.alerts.reconcile import changes
from jobs.common.problem import Problem
from jobs.storage.database import Database
from jobs.storage.schema import alerts

#: The process that claimed an alert has this long to post it.
LEASE_SECONDS = 60.0
#: Pauses after a failed attempt, doubled each time, with jitter.
PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0
#: From so many failed attempts on it is a problem of its own.
MANY_ATTEMPTS = 3


class AlertRepository:
    """Reads and writes the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reconcile(self, problems: Sequence[Problem], checked: Set[str]) -> None:
        """Let the table match the problems of the kinds that were checked."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(alerts))).mappings().all()
            now = await connection.scalar(select(self._database.now()))
        assert now is not None  # noqa: S101 - a SELECT of the time gives one
        wanted = changes(rows, problems, checked, now)
        if wanted.is_empty:
            return
        ids = {row["key"]: row["id"] for row in rows}
        async with self._database.write() as connection:
            for row in wanted.opened:
                await connection.execute(self._database.insert_or_skip(alerts).values(**row))
            for key, values in sorted(wanted.changed.items()):
                await connection.execute(update(alerts).where(_is(key, ids[key])).values(**values))
            for key in wanted.deleted:
                await connection.execute(delete(alerts).where(_is(key, ids[key])))

    async def claim(self) -> Alert | None:
        """The oldest alert that is due, for the caller alone; None where there is none."""
        columns = alerts.c
        is_due = (
            columns.sent_at.is_(None)
            & (columns.next_attempt_at <= self._database.now())
            # While it is open whether the problem is over, nothing is sent of it.
            & (columns.missed_at.is_(None) | columns.resolved_at.is_not(None))
        )
        async with self._database.read() as connection:
            key = await connection.scalar(
                select(columns.key).where(is_due).order_by(columns.opened_at, columns.key).limit(1)
            )
        if key is None:
            return None
        async with self._database.write() as connection:
            claimed = await connection.execute(
                update(alerts)
                .where(columns.key == key, is_due)
                .values(
                    attempts=columns.attempts + 1,
                    next_attempt_at=self._database.now(plus_seconds=LEASE_SECONDS),
                )
                .returning(alerts)
            )
            row = claimed.mappings().one_or_none()
        return None if row is None else _alert(row)

    async def sent(self, alert: Alert) -> None:
        """It was posted: quiet from now on. A resolved one is done with."""
        own = _is(alert.key, alert.id)
        async with self._database.write() as connection:
            if alert.is_resolved:
                await connection.execute(delete(alerts).where(own))
            else:
                await connection.execute(
                    update(alerts).where(own).values(sent_at=self._database.now())
                )

    async def not_sent(self, alert: Alert) -> None:
        """It could not be posted: due again after a pause."""
        longest = min(PAUSE_SECONDS * 2.0 ** min(alert.attempts - 1, 12), LONGEST_PAUSE_SECONDS)
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        async with self._database.write() as connection:
            await connection.execute(
                update(alerts)
                .where(_is(alert.key, alert.id))
                .values(next_attempt_at=self._database.now(plus_seconds=pause))
            )


def _is(key: str, id_: str) -> Any:
    return (alerts.c.key == key) & (alerts.c.id == id_)


def _alert(row: Any) -> Alert:
    names = ("key", "id", "kind", "detail", "opened_at", "attempts")
    is_resolved = row["resolved_at"] is not None
    return Alert(**{name: row[name] for name in names}, is_resolved=is_resolved)


@dataclass(frozen=True, slots=True)
class UnsentAlerts:
    """Alerts that wait to be sent; `failing` of them have failed many attempts."""

    waiting: int
    failing: int


async def read_unsent(database: Database) -> UnsentAlerts:
    """How many alerts could not be sent yet."""
    columns = alerts.c
    query = select(func.count(), func.count().filter(columns.attempts >= MANY_ATTEMPTS)).where(
        columns.sent_at.is_(None)
    )
    async with database.read() as connection:
        return UnsentAlerts(*(await connection.execute(query)).one())
