"""The table `notices`: opening, claiming, marking as sent; by conditional updates.

Owns that of many processes one sends each notice, and that one which could not be sent is tried
again with a growing pause, for as long as it takes.
"""

from __future__ import annotations

import random
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, update

from jobs.alerts.conditions import Condition
from jobs.alerts.reconcile import changes
from jobs.storage.database import Database
from jobs.storage.schema import notices

#: Whoever claimed a notice has this long to post it.
LEASE_SECONDS = 60.0
#: Pauses after a try that failed, doubled each time, with jitter.
PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 900.0
#: From so many failed tries on the doctor names it.
MANY_TRIES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What is to be posted. `id` is the same over all tries; `has_ended`: it is over."""

    key: str
    id: str
    kind: str
    detail: dict[str, Any]
    opened_at: datetime
    has_ended: bool
    attempts: int

    @property
    def text(self) -> str:
        """It in words, with the commands to run."""
        if self.has_ended:
            return str(self.detail["ended"])
        commands = " ".join(f"`{command}`" for command in self.detail["run"])
        return f"{self.detail['says'].rstrip('.')}. Run {commands}"


class NoticeBook:
    """Reads and writes the table."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def reconcile(self, conditions: Sequence[Condition], looked_at: Set[str]) -> None:
        """Let the table say what holds of the kinds that were looked at; see `keeping`."""
        async with self._database.read() as connection:
            rows = (await connection.execute(select(notices))).mappings().all()
            now = await connection.scalar(select(self._database.now()))
        assert now is not None  # noqa: S101 - a SELECT of the time gives one
        wanted = changes(rows, conditions, looked_at, now)
        if wanted.is_empty:
            return
        ids = {row["key"]: row["id"] for row in rows}
        async with self._database.write() as connection:
            for row in wanted.opened:
                await connection.execute(self._database.insert_or_skip(notices).values(**row))
            for key, values in sorted(wanted.changed.items()):
                await connection.execute(
                    update(notices)
                    .where(notices.c.key == key, notices.c.id == ids[key])
                    .values(**values)
                )
            for key in wanted.forgotten:
                await connection.execute(
                    delete(notices).where(notices.c.key == key, notices.c.id == ids[key])
                )

    async def claim(self) -> Notice | None:
        """The oldest notice that is due, for the caller alone; None where there is none."""
        columns = notices.c
        is_due = (
            columns.sent_at.is_(None)
            & (columns.next_attempt_at <= self._database.now())
            # One that is no longer seen is not told while nobody knows whether it is over.
            & (columns.missed_at.is_(None) | columns.ended_at.is_not(None))
        )
        async with self._database.read() as connection:
            key = await connection.scalar(
                select(columns.key).where(is_due).order_by(columns.opened_at, columns.key).limit(1)
            )
        if key is None:
            return None
        async with self._database.write() as connection:
            taken = await connection.execute(
                update(notices)
                .where(columns.key == key, is_due)
                .values(
                    attempts=columns.attempts + 1,
                    next_attempt_at=self._database.now(plus_seconds=LEASE_SECONDS),
                )
                .returning(notices)
            )
            row = taken.mappings().one_or_none()
        return None if row is None else _notice(row)

    async def sent(self, notice: Notice) -> None:
        """It was posted: quiet from now on; of one that has ended nothing is left to say."""
        own = (notices.c.key == notice.key) & (notices.c.id == notice.id)
        async with self._database.write() as connection:
            if notice.has_ended:
                await connection.execute(delete(notices).where(own))
            else:
                await connection.execute(
                    update(notices).where(own).values(sent_at=self._database.now())
                )

    async def not_sent(self, notice: Notice) -> None:
        """It could not be posted: again after a pause."""
        longest = min(PAUSE_SECONDS * 2.0 ** min(notice.attempts - 1, 12), LONGEST_PAUSE_SECONDS)
        pause = random.uniform(longest / 2, longest)  # noqa: S311 - jitter, not a secret
        async with self._database.write() as connection:
            await connection.execute(
                update(notices)
                .where(notices.c.key == notice.key, notices.c.id == notice.id)
                .values(next_attempt_at=self._database.now(plus_seconds=pause))
            )


def _notice(row: Any) -> Notice:
    return Notice(
        key=row["key"],
        id=row["id"],
        kind=row["kind"],
        detail=row["detail"],
        opened_at=row["opened_at"],
        has_ended=row["ended_at"] is not None,
        attempts=row["attempts"],
    )


@dataclass(frozen=True, slots=True)
class Unsent:
    """Notices that wait to be sent, those that were tried in vain for long among them."""

    waiting: int
    failing: int


async def read_unsent(database: Database) -> Unsent:
    """How many notices could not be told yet."""
    columns = notices.c
    unsent = select(func.count()).where(columns.sent_at.is_(None))
    async with database.read() as connection:
        waiting = await connection.scalar(unsent)
        failing = await connection.scalar(unsent.where(columns.attempts >= MANY_TRIES))
    return Unsent(int(waiting or 0), int(failing or 0))
