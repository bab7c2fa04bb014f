"""Where everything is kept: whether it is there, keeps what it acknowledges, and has room."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select, text
from sqlalchemy.engine import make_url

from jobs.common.problem import Problem, note
from jobs.storage.database import durability_faults
from jobs.storage.revision import schema_is_current
from receiver.config.settings import Settings
from receiver.health.check import CheckContext, CheckResult

MEGABYTE = 1_000_000
#: Less than this is about to be none. Of a large disk a twentieth is enough to worry about.
LEAST_BYTES = 500 * MEGABYTE
LEAST_SHARE = 0.05
PLENTY_BYTES = 10_000 * MEGABYTE
#: The log of a SQLite file grows beyond this only during a very long read.
LARGE_LOG_BYTES = 512 * MEGABYTE


def shown_url(settings: Settings) -> str:
    """The database's address without its password."""
    return make_url(settings.database).render_as_string(hide_password=True)


async def check_database(context: CheckContext) -> CheckResult:
    """Whether it answers; raises what it raises."""
    async with context.database.read() as connection:
        await connection.execute(select(text("1")))
    return CheckResult(f"{shown_url(context.settings)} answers")


async def check_revision(context: CheckContext) -> CheckResult:
    """Whether it has this version's tables."""
    if await schema_is_current(context.database):
        return CheckResult("the tables are those of this version")
    summary = "the database lacks this version's tables"
    problem = Problem(summary, "make them", commands=("receiver migrate",))
    return CheckResult(summary, [problem])


async def check_durability(context: CheckContext) -> CheckResult:
    """Whether a commit survives a power cut."""
    faults = await durability_faults(context.database)
    remediation = "an acknowledged delivery must survive a power cut"
    return CheckResult(
        "what is committed survives a power cut", [Problem(fault, remediation) for fault in faults]
    )


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """The space on the disk of the data directory."""

    free_bytes: int
    total_bytes: int

    @property
    def is_short(self) -> bool:
        short = self.free_bytes < LEAST_SHARE * self.total_bytes
        return self.free_bytes < LEAST_BYTES or (short and self.free_bytes < PLENTY_BYTES)

    def __str__(self) -> str:
        free, total = (f"{size / 1e9:.1f} GB" for size in (self.free_bytes, self.total_bytes))
        return f"{free} of {total} are free"


def disk_space(folder: Path) -> DiskSpace:
    """The space where `folder` is, or will be. Raises OSError."""
    existing = folder.absolute()
    while not existing.exists():
        existing = existing.parent
    usage = shutil.disk_usage(existing)
    return DiskSpace(usage.free, usage.total)


async def check_disk(context: CheckContext) -> CheckResult:
    """Whether the data directory has space, where it holds the database."""
    settings = context.settings
    if not context.database.is_sqlite:
        return CheckResult("the database is on another disk; check it there")
    path = Path(make_url(settings.database).database or settings.data_dir)
    space = disk_space(path.parent)
    problems = []
    if space.is_short:
        remediation = "free some: on a full disk webhooks are answered 503 and vendors send again"
        problems.append(Problem(f"only {space} at {path.parent}", remediation))
    log = path.with_name(path.name + "-wal")
    if log.exists() and log.stat().st_size > LARGE_LOG_BYTES:
        size = f"{log.stat().st_size / 1e9:.1f} GB"
        remediation = "look for a program that has the database open and never ends its read"
        problems.append(note(f"{log} has grown to {size}", remediation))
    return CheckResult(f"{space} at {path.parent}", problems)
