"""Where everything is kept: whether it is there, keeps what it acknowledges, and has room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from jobs.storage.database import Database, durability_faults
from jobs.storage.revision import schema_is_current
from receiver.config.settings import Settings
from receiver.health.problem import Finding, Report, note

MEGABYTE = 1_000_000
#: Less than this is about to be none. Of a large disk a twentieth is enough to worry about.
LEAST_BYTES = 500 * MEGABYTE
LEAST_SHARE = 0.05
PLENTY_BYTES = 10_000 * MEGABYTE
#: The log of a SQLite file grows beyond this only while somebody reads for very long.
LARGE_LOG_BYTES = 512 * MEGABYTE


def shown_url(settings: Settings) -> str:
    """The database's address without its password."""
    return make_url(settings.database).render_as_string(hide_password=True)


async def check_database(database: Database, settings: Settings) -> Report:
    """Whether it answers; raises what it raises."""
    async with database.read() as connection:
        await connection.execute(select(text("1")))
    return Report(f"{shown_url(settings)} answers")


async def check_revision(database: Database) -> Report:
    """Whether it has this version's tables."""
    if await schema_is_current(database):
        return Report("it has this version's tables")
    says = "the database lacks this version's tables"
    return Report(says, (Finding(says, "run `receiver migrate`"),))


async def check_durability(database: Database) -> Report:
    """Whether a commit survives a power cut."""
    faults = await durability_faults(database)
    remediation = "an acknowledged delivery must survive a power cut"
    return Report.of(
        "what is committed survives a power cut", [Finding(fault, remediation) for fault in faults]
    )


@dataclass(frozen=True, slots=True)
class Room:
    """The room on the disk where the data directory is."""

    free_bytes: int
    total_bytes: int

    @property
    def is_short(self) -> bool:
        short = self.free_bytes < LEAST_SHARE * self.total_bytes
        return self.free_bytes < LEAST_BYTES or (short and self.free_bytes < PLENTY_BYTES)

    def __str__(self) -> str:
        free, total = (f"{size / 1e9:.1f} GB" for size in (self.free_bytes, self.total_bytes))
        return f"{free} of {total} are free"


def room_at(folder: Path) -> Room:
    """The room where `folder` is, or will be. Raises OSError."""
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    usage = shutil.disk_usage(there)
    return Room(usage.free, usage.total)


async def check_disk(database: Database, settings: Settings) -> Report:
    """Whether the data directory has room, where it holds the database."""
    if not database.is_sqlite:
        return Report("the database is on another disk; look at it there")
    path = Path(make_url(settings.database).database or settings.data_dir)
    room = room_at(path.parent)
    findings = []
    if room.is_short:
        remediation = "free some: on a full disk webhooks are answered 503 and vendors send again"
        findings.append(Finding(f"only {room} at {path.parent}", remediation))
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > LARGE_LOG_BYTES:
        size = f"{log.stat().st_size / 1e9:.1f} GB"
        remediation = "look for a program that has the database open and reads without an end"
        findings.append(note(f"{log} has grown to {size}", remediation))
    return Report.of(f"{room} at {path.parent}", findings)
