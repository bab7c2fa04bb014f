"""Running every check once, for `receiver doctor`.

Owns what can be checked where the database or the mappings are away. A check that cannot run is a
problem and no traceback; the others still run.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

from jobs.mapping_store import NOTHING_STORED, read_stored
from jobs.storage.database import Database
from jobs.timezone import stored_timezone
from mappings.engine.loading.load import MappingSet, load, read_directory
from receiver.config.settings import Settings
from receiver.health.check import CheckContext, CheckResult, HealthCheck
from receiver.health.registry import CHECKS, DATABASE, MAPPINGS, REVISION
from receiver.signatures import RULES

#: A known exception in words; None for a bug, of which the type is shown.
Explain = Callable[[Exception], str | None]


async def examine(
    context: CheckContext, explain: Explain, *, ensure_database: Callable[[], None] = lambda: None
) -> AsyncIterator[CheckResult]:
    """The result of every check, in order, as it comes; mappings are read as a worker has them.

    `ensure_database` raises where there is no database yet.
    """
    try:
        ensure_database()
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks still run
        result = _failed(error, explain).under(DATABASE.name)
    else:
        result = await _run(DATABASE, context, explain)
    yield result
    missing = "the database does not answer" if result.has_problem else None
    if missing is not None:
        yield _skipped(REVISION, missing)
    else:
        result = await _run(REVISION, context, explain)
        yield result
        missing = "the database lacks this version's tables" if result.has_problem else None
    left = [check for check in CHECKS if check not in (DATABASE, REVISION)]
    try:
        mappings = await _mappings(context.settings, None if missing else context.database)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks still run
        yield _failed(error, explain).under(MAPPINGS.name)
        mappings = load({}, timezone=context.settings.timezone_name, schemes=RULES)
        left.remove(MAPPINGS)
    context = replace(context, mappings=mappings)
    for check in left:
        if check.needs_tables and missing is not None:
            yield _skipped(check, missing)
        else:
            yield await _run(check, context, explain)


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


async def _run(check: HealthCheck, context: CheckContext, explain: Explain) -> CheckResult:
    """The check's result; what it raises is its problem."""
    try:
        async with asyncio.timeout(check.timeout_seconds):
            result = await check.run(context)
    except TimeoutError:
        seconds = check.timeout_seconds
        result = CheckResult.not_run(f"no answer within {seconds:g} s" if seconds else "no answer")
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks still run
        result = _failed(error, explain)
    return result.under(check.name)


def _failed(error: Exception, explain: Explain) -> CheckResult:
    explanation = explain(error)
    return CheckResult.not_run(explanation or f"{type(error).__name__}: please report it")


def _skipped(check: HealthCheck, reason: str) -> CheckResult:
    return CheckResult.not_run(f"skipped: {reason}", is_skipped=True).under(check.name)
