"""Migrate the database to the tables of this version."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Annotated

import typer
from sqlalchemy import text
from sqlalchemy.engine import make_url

from jobs.common.errors import brief, is_transient
from jobs.storage.database import Database
from jobs.storage.migrations import migrate as bring_up_to_date, open_for_migration
from jobs.timezone import claim_timezone
from receiver.config.reading import load_settings
from receiver.local import lifeline
from receiver.terminal.output import Output

EXAMPLES = ("receiver migrate", "RECEIVER_DATABASE_URL=postgres://… receiver migrate")

#: `--wait` is for a database that starts at the same time; one that is longer away needs a person.
WAIT_SECONDS = 60.0
PAUSE_SECONDS = 0.5

Pause = Callable[[float], Awaitable[None]]


def migrate(
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for the database, a minute at most.")
    ] = False,
) -> None:
    """Create or change tables; do nothing if they are current.

    With `wait`, a database that does not answer yet is asked again for a minute.
    """
    lifeline.hold()
    os.umask(0o077)  # payloads and money: a SQLite file made here is its owner's alone
    settings = load_settings()

    async def run() -> None:
        database = open_for_migration(settings.database)
        try:
            if wait:
                await until_it_answers(database)
            await bring_up_to_date(database)
            if settings.timezone is not None:
                await claim_timezone(database, settings.timezone)
        finally:
            await database.close()

    asyncio.run(run())
    shown = make_url(settings.database).render_as_string(hide_password=True)
    Output().line(f"the database has this version's tables: {shown}")


async def until_it_answers(database: Database, *, pause: Pause = asyncio.sleep) -> None:
    """Return once the database answers; raise what it raised last where that takes too long.

    What does not pass by itself, such as a wrong password, is raised at once.
    """
    last: Exception | None = None
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            while (last := await _answered(database)) is not None:
                Output().say(f"waiting for the database: {brief(last)}")
                await pause(PAUSE_SECONDS)
    except TimeoutError as error:
        raise (last or error) from None


async def _answered(database: Database) -> Exception | None:
    """Nothing, or why it does not answer yet."""
    try:
        async with database.read() as connection:
            await connection.execute(text("SELECT 1"))
    except Exception as error:
        if not is_transient(error):
            raise
        return error
    return None
