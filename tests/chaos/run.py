"""One run: load and faults for so long, then the reckoning.

Owns the order of things. What is sent is in `senders`, what is broken in `faults`, what must have
come of it in `judge`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from tests.chaos import books
from tests.chaos.database_faults import DatabaseFaults, PostgresFaults, SqliteFaults
from tests.chaos.faults import Faults
from tests.chaos.judge import Findings, judge, judge_status, unanswered_and_kept
from tests.chaos.messages import messages
from tests.chaos.monkey import Monkey
from tests.chaos.plan import plan
from tests.chaos.record import Record
from tests.chaos.report import Report
from tests.chaos.senders import Vendors
from tests.chaos.site import Site
from tests.chaos.stories import MISSING_ACCOUNT, MISSING_CUSTOMER, Stories
from tests.support.databases import PostgresDatabase, SqliteFile

#: How often it is looked which acknowledged deliveries are settled, and how many at once.
LOOK_SECONDS = 0.5
LOOK_AT = 1_000
#: What is not over by then will never be.
SENT_SECONDS = 300.0
SETTLED_SECONDS = 300.0
REPLAY_SECONDS = 1_800.0
UNAVAILABLE = 503
#: The checks of `receiver doctor` that are about the books.
AUDITS = ("balance", "books", "records", "corrections", "waiting", "replays", "backlog")
#: An edit of the mappings is in force after so long.
RELOADED_SECONDS = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """What a run is made of. `rate` is messages a second; `directory` must exist and be empty."""

    seconds: float
    seed: int
    directory: Path
    database: str = "postgres"
    rate: float = 15.0
    faults_per_minute: float = 25.0
    processes: int = 2


@dataclass
class Run:
    """What is there during a run."""

    config: Config
    site: Site
    record: Record
    vendors: Vendors
    monkey: Monkey
    engine: AsyncEngine
    findings: Findings
    report: Report
    waits: list[float] = field(default_factory=list)


def run(config: Config) -> Report:
    """Carry a run out; its report says what was found."""
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
            await _reckon(under_way)
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
    """What the database answers, or the default while it answers nobody."""
    try:
        async with asyncio.timeout(10):
            return await question(run.engine)
    except Exception:  # noqa: BLE001 -- it is disturbed on purpose; we look again
        return default


async def _reckon(run: Run) -> None:
    """Judge; mend what failed and judge again; replay all that is recorded and judge once more."""
    site, record, findings, report = run.site, run.record, run.findings, run.report
    await _replays_end(run)
    found = await books.read(run.engine)
    judge(record, found, findings)
    judge_status(await _status(site), found, findings)
    report.take(record, found, run.monkey, run.waits)
    report.starts = site.counts
    report.unanswered_and_kept = unanswered_and_kept(record, found)
    for what in run.vendors.refused:
        findings.add("refused", what)
    for what in run.monkey.broken:
        findings.add("process", f"the harness: {what}")
    await _mend(run)
    mended = await books.read(run.engine)
    judge(record, mended, findings, mended=True)
    judge_status(await _status(site), mended, findings)
    await _replay(run, "recorded")
    again = await books.read(run.engine)
    if again.ledger != mended.ledger or again.rows != mended.rows:
        findings.add("replay", "replaying all that is recorded changed the books")
    await _ask_the_doctor(site)
    await run.engine.dispose()


async def _mend(run: Run) -> None:
    """Add the missing account, and replay until nothing is failed any more."""
    table = run.site.service.mappings / "tables" / "accounts.yaml"
    table.write_text(f'{table.read_text()}"{MISSING_ACCOUNT}": {MISSING_CUSTOMER}\n')
    deadline = time.monotonic() + SETTLED_SECONDS
    while (await _api(run.site, "status"))["failed"] and time.monotonic() < deadline:
        await asyncio.sleep(RELOADED_SECONDS)
        await _replay(run, "failed")


async def _replay(run: Run, state: str) -> None:
    replay = await _api(run.site, "replays", {"state": state})
    deadline = time.monotonic() + REPLAY_SECONDS
    while (found := await _api(run.site, f"replays/{replay['id']}"))["state"] != "done":
        if time.monotonic() > deadline:
            run.findings.add("replay", f"this one does not end: {found}")
            return
        await asyncio.sleep(0.5)
    run.report.replayed += found["matched"]
    if state == "recorded" and found["unchanged"] != found["matched"]:
        run.findings.add("replay", f"of what is recorded not all is unchanged: {found}")


async def _replays_end(run: Run) -> None:
    """Those that the monkey began must be carried to their end by whoever is alive."""
    deadline = time.monotonic() + SETTLED_SECONDS
    while left := (await books.read_open_replays(run.engine)):
        if time.monotonic() > deadline:
            run.findings.add("replay", f"{left} replays do not end")
            return
        await asyncio.sleep(0.5)


async def _status(site: Site) -> dict[str, int]:
    """What the command prints, which must end well: it compares the two counts itself."""
    ran = await asyncio.to_thread(site.service.run, "status", "--json")
    if ran.code != 0:
        site.findings.add("unbalanced", f"`receiver status` ended by {ran.code}: {ran}")
    return dict(ran.json)


async def _ask_the_doctor(site: Site) -> None:
    """The service's own audits of everything must find as little as we do."""
    ran = await asyncio.to_thread(
        site.service.run, "doctor", "--full", "--json", seconds=REPLAY_SECONDS
    )
    checks = {check["name"]: check for check in ran.json}
    for name in AUDITS:
        if checks[name]["status"] != "ok":
            site.findings.add("unbalanced", f"`receiver doctor`: {checks[name]}")


async def _api(site: Site, path: str, body: Any = None) -> Any:
    """What the API answers; a 503 is asked again, as connections may still be found cut."""
    url = f"{site.urls()[0]}/api/{path}"
    headers = {"authorization": site.service.bearer}
    async with httpx.AsyncClient(trust_env=False, timeout=60, headers=headers) as client:
        ask = partial(client.get, url) if body is None else partial(client.post, url, json=body)
        answer = await ask()
        for pause in (1, 2, 4, 8):
            if answer.status_code == UNAVAILABLE:
                await asyncio.sleep(pause)
                answer = await ask()
    assert answer.is_success, f"{url}: {answer.status_code} {answer.text}"
    return answer.json()
