"""`migrate`: bring the database to this version's tables."""

from __future__ import annotations

import asyncio
import os

from sqlalchemy.engine import make_url

from jobs.migrations import migrate as bring_up_to_date
from jobs.migrations import open_for_migration
from jobs.timezone import claim_timezone
from receiver.cli.output import Output
from receiver.settings import load_settings
from receiver.up import lifeline


def migrate() -> None:
    """Make or change tables; nothing where they are as they should be."""
    lifeline.hold()
    os.umask(0o077)  # payloads and money: a SQLite file made here is its owner's alone
    settings = load_settings()

    async def run() -> None:
        database = open_for_migration(settings.database)
        try:
            await bring_up_to_date(database)
            if settings.timezone is not None:
                await claim_timezone(database, settings.timezone)
        finally:
            await database.close()

    asyncio.run(run())
    shown = make_url(settings.database).render_as_string(hide_password=True)
    Output().line(f"the database has this version's tables: {shown}")
