"""One run: load and faults for so long, then the reckoning.

Owns the order of things. What is sent is in `senders`, what is broken in `faults`, what must have
come of it in `reckoning` and `judge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.chaos import books
from tests.chaos.database_faults import DatabaseFaults, PostgresFaults, SqliteFaults
from tests.chaos.faults import Faults
from tests.chaos.judge import Findings
from tests.chaos.messages import messages
from tests.chaos.monkey import Monkey
from tests.chaos.parts import Config, Run
from tests.chaos.plan import plan
from tests.chaos.reckoning import reckon
from tests.chaos.record import Record
from tests.chaos.report import Report
from tests.chaos.senders import Vendors
from tests.chaos.site import Site
from tests.chaos.stories import Stories
from tests.support.databases import PostgresDatabase, SqliteFile

#: How often it is looked which acknowledged deliveries are settled, and how many at once.
LOOK_SECONDS = 0.5
LOOK_AT = 1_000
#: What is not over by then will never be.
SENT_SECONDS = 300.0
SETTLED_SECONDS = 300.0


def run(config: Config) -> Report:
    """Carry a run out; its report has what was found."""
    return asyncio.run(_run(config))


async def _run(config: Config) -> Report:
    findings = Findings()
    now = datetime.now(UTC)
    stories = Stories(config.seed, now)
    site = Site(
        config.directory,
        config.database,
        processes=config.processes,
        findings=findings,
        changed_on=f"{stories.price_changed:%Y-%m-%d}",
    )
    record = Record(config.directory / "record.jsonl")
    engine = _engine(site.service.database.url)
    faults = Faults(site, _database_faults(site), engine)
    try:
        under_way = Run(
            config=config,
            site=site,
            record=record,
            vendors=Vendors(
                messages(stories, config.seed), site.urls, record, config.seed, config.rate
            ),
            monkey=Monkey(faults, config.directory / "faults.jsonl"),
            engine=engine,
            findings=findings,
            report=Report(config.seed, config.seconds, config.database, config.processes, findings),
        )
        async with _in_background(site.supervise()) as supervising:
            await _disturb(under_way)
            await reckon(under_way)
            supervising.cancel()
        await site.stop()
    finally:
        record.close()
        site.close()
    return under_way.report


def _database_faults(site: Site) -> DatabaseFaults:
    database = site.service.database
    if isinstance(database, SqliteFile):
        return SqliteFaults(database)
    assert isinstance(database, PostgresDatabase)
    assert site.postgres is not None
    return PostgresFaults(site.postgres, database)


def _engine(url: str) -> AsyncEngine:
    """Our own way to look; nothing of it is the service's."""
    patience = {"timeout": 5} if url.startswith("sqlite") else {"timeout": 5, "command_timeout": 60}
    return create_async_engine(url, poolclass=NullPool, connect_args=patience)


@contextlib.asynccontextmanager
async def _in_background(work: Any) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _disturb(run: Run) -> None:
    """Load and faults; returns when both are over and everything sent was acknowledged."""
    config = run.config
    faults = plan(
        config.seed,
        seconds=config.seconds,
        per_minute=config.faults_per_minute,
        database=config.database,
        processes=config.processes,
    )
    await run.site.all_ready()
    sending = asyncio.create_task(run.vendors.run())
    async with _in_background(_watch_settling(run)):
        began = time.monotonic()
        await run.monkey.run(faults)
        await asyncio.sleep(max(0.0, began + config.seconds - time.monotonic()))
        ended = time.monotonic()
        run.report.lasted_seconds = ended - began
        run.vendors.stop()
        await run.site.all_ready()
        await asyncio.wait([sending], timeout=SENT_SECONDS)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLED_SECONDS):
                while run.record.unsettled or await _look(books.waiting, run, default=1):
                    await asyncio.sleep(0.1)
        run.report.settled_after_seconds = time.monotonic() - ended
    if not sending.done():
        sending.cancel()
    else:
        sending.result()


async def _watch_settling(run: Run) -> None:
    """Note how long after its 2xx each delivery is seen settled."""
    unsettled = run.record.unsettled
    while True:
        ids = list(unsettled)
        for first in range(0, len(ids), LOOK_AT):
            some = ids[first : first + LOOK_AT]
            settled = await _look(lambda engine, some=some: books.settled_among(engine, some), run)  # type: ignore[misc]
            run.waits += [run.record.sees_settled(one) for one in settled or ()]
        await asyncio.sleep(LOOK_SECONDS)


async def _look(
    question: Callable[[AsyncEngine], Awaitable[Any]], run: Run, *, default: Any = None
) -> Any:
    """What the database answers, or the default while it answers no one."""
    try:
        async with asyncio.timeout(10):
            return await question(run.engine)
    except Exception:  # noqa: BLE001 -- it is disturbed on purpose; we look again
        return default
