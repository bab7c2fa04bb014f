"""Finding what to alert on: runs the checks of `wording` and lets the table `alerts` match.

Owns which checks those are, and how seldom the costly one runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from sqlalchemy import func, select

from jobs.alerts import wording
from jobs.alerts.alert import (
    AUDIT,
    BACKLOG,
    EXCEPTIONS,
    FAILURES,
    MAPPING,
    REJECTIONS,
    SILENCE,
)
from jobs.alerts.repository import AlertRepository
from jobs.alerts.spikes import spike_problem, spikes
from jobs.audits.auditor import read_audits
from jobs.audits.results import RoundResult, audit_problems
from jobs.common.problem import Problem, named
from jobs.common.states import DeliveryState
from jobs.heartbeat import Alive, alive
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.deliveries.status import count_waiting, oldest_received_age_seconds
from jobs.queries.exceptions.listing import count_exceptions
from jobs.queries.sources.traffic import read_silent
from jobs.storage.database import Database
from jobs.storage.schema import alerts, deliveries, rejection_counts
from mappings.engine.loading.load import MappingSet


class Watcher:
    """Runs the checks and reconciles the table `alerts` with what they find."""

    def __init__(self, database: Database, mappings: Callable[[], MappingSet]) -> None:
        self._database = database
        self._mappings = mappings
        self._repository = AlertRepository(database)

    async def check(self, database: Database, progress: Mapping[str, Any]) -> RoundResult:
        """One round; its progress is kept for the next, whichever process makes that."""
        failed = await self._failed()
        spiking, counts = await self._spikes(progress.get("rejections", {}))
        exceptions = wording.exceptions(await count_exceptions(database, self._mappings()))
        by_kind: dict[str, Iterable[Problem]] = {
            REJECTIONS: spiking,
            MAPPING: rejected_mappings(await alive(database)),
            BACKLOG: wording.backlog(
                await oldest_received_age_seconds(database), await count_waiting(database)
            ),
            SILENCE: wording.silences(await read_silent(database, self._mappings())),
            AUDIT: audit_problems(await read_audits(database)),
            EXCEPTIONS: [problem for problem in exceptions if problem.is_problem],
        }
        if failed != progress.get("failed") or await self._misses_failures():
            by_kind = {FAILURES: wording.failures(await read_failures(database)), **by_kind}
        problems = [
            problem for kind, unnamed in by_kind.items() for problem in named(kind, unnamed)
        ]
        await self._repository.reconcile(problems, by_kind.keys())
        return RoundResult(found=0, progress={"failed": failed, "rejections": counts})

    async def _spikes(self, known: Mapping[str, Any]) -> tuple[list[Problem], dict[str, Any]]:
        """The rejections that spike, and what to know of their counts in the next round."""
        columns = rejection_counts.c
        async with self._database.read() as connection:
            now = await self._database.time(connection)
            rows = await connection.execute(select(columns.source, columns.cause, columns.count))
            counts = {(source, cause): int(count) for source, cause, count in rows}
        spiking, known = spikes(known, counts, now.timestamp())
        return [spike_problem(spike) for spike in spiking], dict(known)

    async def _failed(self) -> list[Any]:
        """What is different once another delivery has failed, or one no longer is."""
        columns = deliveries.c
        query = select(func.count(), func.max(columns.settled_at), func.max(columns.id)).where(
            columns.state == DeliveryState.FAILED
        )
        async with self._database.read() as connection:
            number, last, newest = (await connection.execute(query)).one()
        return [number, last and last.isoformat(), newest]

    async def _misses_failures(self) -> bool:
        """Whether a group was missing in the last round, or one that is there waits for room."""
        waits = (alerts.c.missed_at.is_not(None)) | (alerts.c.sent_at.is_(None))
        query = select(alerts.c.key).where(alerts.c.kind == FAILURES, waits).limit(1)
        async with self._database.read() as connection:
            return await connection.scalar(query) is not None


def rejected_mappings(processes: Iterable[Alive]) -> list[Problem]:
    """One for each file that some process has rejected."""
    problems: dict[str, str] = {}
    stale: set[str] = set()
    for process in processes:
        stale.update(process.detail.get("stale", ()))
        for problem in process.detail.get("rejected", ()):
            problems.setdefault(problem.partition(":")[0], problem)
    return [
        wording.rejected_mapping(problem, file=file, is_stale=file in stale)
        for file, problem in sorted(problems.items())
    ]
