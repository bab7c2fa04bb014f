"""All checks in their order, each on its own.

Owns which there are and what each needs to run. A check that cannot run is a problem and no
traceback; the others still run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from jobs.mapping_store import NOTHING_STORED, read_stored
from jobs.storage.database import Database
from jobs.timezone import stored_timezone
from mappings.engine.loading.load import MappingSet, load, read_directory
from receiver.config.settings import Settings
from receiver.health.checks import alerts as telling
from receiver.health.checks import clock, completeness, processes, storage
from receiver.health.checks import ledger as books
from receiver.health.checks import mappings as mapping_health
from receiver.health.checks import secrets as keys
from receiver.health.problem import Checked, Finding, Report
from receiver.signatures import RULES
from receiver.sources.rotation import endings_now
from receiver.sources.secrets import Secrets

#: One check, audits excepted.
CHECK_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What the checks look at. `mappings` are those in force here.

    With `is_full` audits look at everything, and `tell` hears how far they are.
    """

    settings: Settings
    database: Database
    secrets: Secrets
    mappings: MappingSet
    is_full: bool = False
    tell: Callable[[str, int], None] = lambda _audit, _number: None


Ask = Callable[[Around], Awaitable[Report]]


@dataclass(frozen=True, slots=True)
class Check:
    """One check by its name. With `tables` it needs a database that has them."""

    name: str
    ask: Ask
    tables: bool = True
    seconds: float | None = CHECK_SECONDS


async def _rotation(around: Around) -> Report:
    endings = await endings_now(around.mappings, around.database)
    return Report.of(
        "no secret that is in use ends soon",
        [Finding(f"source {one.source}: {one}", "see docs/mappings.md, verify") for one in endings],
    )


async def _redis(around: Around) -> Report:
    return await processes.check_redis(around.settings)


async def _of_mappings(around: Around) -> Report:
    return mapping_health.check_mappings(around.mappings)


async def _secrets(around: Around) -> Report:
    now = datetime.now(UTC)
    return keys.check_secrets(around.mappings, around.secrets, now)


async def _settings(_: Around) -> Report:
    return await asyncio.to_thread(keys.check_settings)


async def _files(around: Around) -> Report:
    return await asyncio.to_thread(keys.check_files, around.settings, around.secrets)


async def _public_url(around: Around) -> Report:
    return keys.check_public_url(around.settings, around.mappings, around.secrets)


def _audit(name: str) -> Check:
    async def ask(around: Around) -> Report:
        tell = partial(around.tell, name)
        return await books.check_audit(around.database, name, is_full=around.is_full, tell=tell)

    return Check(name, ask, seconds=None)


#: What is looked at once the database and its tables are there, or without them.
CHECKS: tuple[Check, ...] = (
    Check("durability", lambda a: storage.check_durability(a.database)),
    Check("disk", lambda a: storage.check_disk(a.database, a.settings), tables=False),
    Check("clock", lambda a: clock.check_clock(a.database)),
    Check("redis", _redis, tables=False),
    Check("web", lambda a: processes.check_role(a.database, "web")),
    Check("worker", lambda a: processes.check_role(a.database, "work")),
    Check("versions", lambda a: processes.check_versions(a.database, a.settings, a.mappings)),
    Check("backlog", lambda a: books.check_backlog(a.database)),
    Check("complete", lambda a: completeness.check_complete(a.database)),
    *(_audit(name) for name in books.NAMES),
    Check("mappings", _of_mappings, tables=False),
    Check("rules", lambda a: mapping_health.check_rules(a.database, a.mappings)),
    Check("failures", lambda a: mapping_health.check_failures(a.database)),
    Check("exceptions", lambda a: mapping_health.check_exceptions(a.database, a.mappings)),
    Check("silence", lambda a: mapping_health.check_silence(a.database, a.mappings)),
    Check("paths", lambda a: mapping_health.check_paths(a.database)),
    Check("settings", _settings, tables=False),
    Check("secrets", _secrets, tables=False),
    Check("files", _files, tables=False),
    Check("rotation", _rotation),
    Check("public-url", _public_url, tables=False),
    Check("notices", lambda a: telling.check_notices(a.database, a.settings)),
)
#: Made by itself in the web process; `examine` asks it before the others.
REVISION = Check("revision", lambda a: storage.check_revision(a.database))
NAMES = ("database", "revision", *(check.name for check in CHECKS))

#: A known exception in words; None for a bug, which is told by its type.
Explain = Callable[[Exception], str | None]


async def examine(
    settings: Settings,
    database: Database,
    secrets: Secrets,
    explain: Explain,
    *,
    is_there: Callable[[], None] = lambda: None,
    is_full: bool = False,
    tell: Callable[[str, int], None] = lambda _audit, _number: None,
) -> AsyncIterator[Checked]:
    """Every check, in order, as it is made. `is_there` raises where there is no database yet."""

    async def look_at_database() -> Report:
        is_there()
        return await storage.check_database(database, settings)

    async def look_at_tables() -> Report:
        return await storage.check_revision(database)

    found = await guarded("database", look_at_database, explain)
    yield found
    missing = "the database does not answer" if found.status == "problem" else None
    if missing is None:
        found = await guarded("revision", look_at_tables, explain)
        missing = "the database lacks this version's tables" if found.status == "problem" else None
        yield found
    else:
        yield _not_looked_at("revision", missing)
    try:
        mappings = await _mappings(settings, None if missing else database)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks still run
        yield Checked("mappings", _failed(error, explain))
        mappings = load({}, timezone=settings.timezone_name, schemes=RULES)
        skipped = {"mappings"}
    else:
        skipped = set()
    around = Around(
        settings=settings,
        database=database,
        secrets=secrets,
        mappings=mappings,
        is_full=is_full,
        tell=tell,
    )
    for check in CHECKS:
        if check.name in skipped:
            continue
        if check.tables and missing is not None:
            yield _not_looked_at(check.name, missing)
        else:
            yield await guarded(check.name, partial(check.ask, around), explain, check.seconds)


async def _mappings(settings: Settings, database: Database | None) -> MappingSet:
    """The mappings as a worker has them: a bad file goes on as it last was good."""
    good, timezone = NOTHING_STORED, None
    if database is not None:
        good, timezone = await read_stored(database), await stored_timezone(database)
    return load(
        await asyncio.to_thread(read_directory, settings.mappings),
        timezone=timezone or settings.timezone_name,
        schemes=RULES,
        last_good=good.texts,
        history=good.history,
    )


async def guarded(
    name: str,
    ask: Callable[[], Awaitable[Report]],
    explain: Explain,
    seconds: float | None = CHECK_SECONDS,
) -> Checked:
    """The check, made; what it raises is its finding."""
    try:
        async with asyncio.timeout(seconds):
            return Checked(name, await ask())
    except TimeoutError:
        return Checked(
            name, _not_run(f"no answer within {seconds:g} s" if seconds else "no answer")
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks still run
        return Checked(name, _failed(error, explain))


def _failed(error: Exception, explain: Explain) -> Report:
    said = explain(error)
    return _not_run(said if said is not None else f"{type(error).__name__}: please report it")


def _not_run(why: str) -> Report:
    return Report("it could not be looked at", (Finding(why),))


def _not_looked_at(name: str, why: str) -> Checked:
    return Checked(name, _not_run(f"not looked at: {why}"), is_skipped=True)
