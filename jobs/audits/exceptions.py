"""The rounds in which the table `exceptions` is updated, beside those of the audits."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from jobs.audits.results import RoundResult
from jobs.exceptions.customers import note_looks
from jobs.exceptions.register import begin_of, next_repeated, refresh
from jobs.storage.database import Database

EVERY_SECONDS = 20.0
#: Keys per step, and how long a round goes on.
PAGE = 500
ROUND_SECONDS = 10.0


async def look_for_exceptions(database: Database, progress: Mapping[str, Any]) -> RoundResult:
    """One round: the keys of outcomes recorded since the last one ended, as far as time allows."""
    async with database.read() as connection:
        began = await database.time(connection)
    position, ends = begin_of(progress), time.monotonic() + ROUND_SECONDS
    is_behind = True
    while is_behind and time.monotonic() < ends:
        async with database.read() as connection:
            page = await next_repeated(connection, position, limit=PAGE)
        await refresh(database, sorted({key for _, key in page}))
        is_behind = len(page) == PAGE
        position = page[-1][0] if page else position
    await note_looks(database)
    reached = position[0] if is_behind else began
    return RoundResult(found=0, progress={"reached": reached.isoformat()})
