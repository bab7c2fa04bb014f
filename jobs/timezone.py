"""The time zone of days and months: one for a database, whatever each process is set to.

Owns that the first process writes it and that a process set to another one is refused: reports of
closed months would change. It is changed by a command only, while no process runs. Owns the
calendar of reports: databases differ in what they know of zones, so SQL counts quarters of an hour
in UTC, which every zone's midnight since 1972 falls on.
"""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    String,
    cast,
    extract,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.common.errors import JobsError
from jobs.heartbeat import alive
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, installation

#: The zone of a new database where none is set.
DEFAULT_TIMEZONE = "UTC"
#: What revenue is grouped by in time, and how each is written.
PERIODS = {"day": "%Y-%m-%d", "month": "%Y-%m"}
_QUARTER_SECONDS = 900
#: The one row of the table.
ROW = 1


class TimezoneDiffers(JobsError):
    """The process is set to another time zone than the database; set it alike, or leave it out."""

    def __init__(self, *, wanted: str, stored: str) -> None:
        super().__init__(
            f"RECEIVER_TIMEZONE is {wanted}, but days and months of this database are in {stored}:"
            f" reports of past months would change. Set RECEIVER_TIMEZONE={stored} or leave it"
            f" unset; `receiver timezone {wanted}` changes the database's on purpose, and shows"
            " first which months change"
        )


class ProcessesAlive(JobsError):
    """Processes run that use the old time zone; stop them, then change it."""


async def stored_timezone(database: Database) -> str | None:
    """The name of the zone; None before the first process has started."""
    async with database.read() as connection:
        return await _stored(connection)


async def claim_timezone(database: Database, wanted: str | None) -> str:
    """The zone that a process which starts uses; it is written where there is none yet.

    `wanted` None: whatever the database has. Raises TimezoneDiffers.
    """
    stored = await stored_timezone(database)
    if stored is None:
        # Processes of a version that stored no zone may still run beside this one.
        running = await alive(database)
        used = [process.detail["timezone"] for process in running if "timezone" in process.detail]
        stored = await _store_first(database, used[0] if used else wanted or DEFAULT_TIMEZONE)
    if wanted is not None and wanted != stored:
        raise TimezoneDiffers(wanted=wanted, stored=stored)
    return stored


async def change_timezone(database: Database, to: str, *, actor: str, note: str | None) -> None:
    """Make `to` the zone of the database; raises ProcessesAlive while a process runs."""
    running = await alive(database)
    if running:
        names = ", ".join(f"{process.role} {process.name}" for process in running)
        message = f"these processes use the old time zone: {names}; stop them first"
        raise ProcessesAlive(message)
    async with database.write() as connection:
        stored = await _stored(connection)
        if stored is None:
            await connection.execute(insert(installation).values(id=ROW, timezone=to))
        else:
            await connection.execute(update(installation).values(timezone=to))
        lines = await connection.scalar(select(func.count()).select_from(billing_events))
        await note_action(
            connection,
            kind="timezone",
            actor=actor,
            where={},
            count=int(lines or 0),
            note=note,
            detail={"from": stored, "to": to},
        )


async def _store_first(database: Database, timezone: str) -> str:
    """Write it unless another process has; the one that is stored then."""
    async with database.write() as connection:
        row = {"id": ROW, "timezone": timezone}
        await connection.execute(database.insert_or_skip(installation).values(row))
        return await _stored(connection) or timezone


async def _stored(connection: AsyncConnection) -> str | None:
    timezone: str | None = await connection.scalar(select(installation.c.timezone))
    return timezone


def periods_at(quarter: int, zone: ZoneInfo) -> dict[str, str]:
    """The day and the month, as text, of a quarter of an hour since 1970."""
    local = datetime.fromtimestamp(quarter * _QUARTER_SECONDS, UTC).astimezone(zone)
    return {name: local.strftime(form) for name, form in PERIODS.items()}


def quarter_of(at: ColumnElement[datetime], *, is_sqlite: bool) -> ColumnElement[int]:
    """Quarters of an hour since 1970."""
    if is_sqlite:
        # Without the fraction, which SQLite would round up, now and then into the next day.
        whole = func.substr(cast(at, String), 1, 19)
        return cast(func.strftime("%s", whole), BigInteger) // _QUARTER_SECONDS
    seconds = cast(func.floor(extract("epoch", at)), BigInteger)
    return seconds // _QUARTER_SECONDS
