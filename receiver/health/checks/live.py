"""What /readyz looks at besides the database: each look says what limps and what mends it.

Owns the sentences. Nothing here stops deliveries from coming in.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from jobs.audits.auditor import read_audits
from jobs.audits.findings import REMEDIATIONS, Audited
from jobs.heartbeat import ALIVE_SECONDS, alive
from jobs.queries.deliveries.backlog import oldest_received_age_seconds
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from receiver.health.readyz import Look, Trouble
from receiver.sources.secret_problems import SecretProblem

#: A delivery that waits longer than this is a backlog, not a moment.
BACKLOG_SECONDS = 60.0
#: At most this many problems of the mappings are named; `receiver check` has them all.
MOST_PROBLEMS = 20
#: Audits rest for a minute or a few; one that is older has nobody who makes it.
AUDIT_AGE = timedelta(hours=1)


def look_at_redis(ping: Callable[[], Awaitable[bool]]) -> Look:
    """Whether Redis answers this process."""

    async def look() -> Sequence[Trouble]:
        if await ping():
            return ()
        return (Trouble("redis", "Redis does not answer; settling waits for the next sweep"),)

    return look


def look_at_worker(database: Database) -> Look:
    """Whether a worker lives, and whether those that do reach Redis."""

    async def look() -> Sequence[Trouble]:
        workers = await alive(database, role="work")
        if not workers:
            detail = f"no worker was heard of for {ALIVE_SECONDS:g} s; start `receiver work`"
            return (Trouble("worker", detail),)
        deaf = [worker.name for worker in workers if worker.detail.get("redis") is False]
        return [Trouble("worker", f"worker {name} does not reach Redis") for name in deaf]

    return look


def look_at_backlog(database: Database) -> Look:
    """Whether deliveries wait for long."""

    async def look() -> Sequence[Trouble]:
        age = await oldest_received_age_seconds(database)
        if age is None or age <= BACKLOG_SECONDS:
            return ()
        return (Trouble("backlog", f"the oldest unsettled delivery is {age:.0f} s old"),)

    return look


def look_at_mappings(current: Callable[[], MappingSet]) -> Look:
    """Whether an edit of the mappings was rejected."""

    async def look() -> Sequence[Trouble]:
        return mapping_troubles(current())

    return look


def mapping_troubles(mappings: MappingSet) -> list[Trouble]:
    """Each problem with its place, and what becomes of its file meanwhile."""
    return [
        Trouble(
            "mappings",
            f"{problem} "
            + (
                "The last good version goes on."
                if problem.file in mappings.stale
                else "There is no good version of it."
            ),
        )
        for problem in mappings.problems[:MOST_PROBLEMS]
    ]


def mapping_warnings(mappings: MappingSet) -> list[Trouble]:
    """What is warned of in the mappings, with its place."""
    return [Trouble("mappings", str(one)) for one in mappings.warnings[:MOST_PROBLEMS]]


def look_at_secrets(
    missing: Callable[[], Mapping[str, Sequence[str]]],
    problems: Callable[[], Sequence[SecretProblem]] = tuple,
) -> Look:
    """Which sources have no secret, and so answer 503; which secrets are of another form."""

    async def look() -> Sequence[Trouble]:
        return [
            Trouble("secrets", f"source {source} is shut: set {' or '.join(names)}")
            for source, names in sorted(missing().items())
        ] + [Trouble("secrets", f"source {one.source}: {one}") for one in problems()]

    return look


def look_at_books(database: Database) -> Look:
    """What the audits in the background found when they last looked."""

    async def look() -> Sequence[Trouble]:
        return book_troubles(await read_audits(database), now=datetime.now(UTC))

    return look


def book_troubles(audits: Sequence[Audited], *, now: datetime) -> list[Trouble]:
    """Each audit that found something, and each that is not made any more."""
    troubles = [
        Trouble(
            "books",
            f"{one.name}: {one.found} wrong, first: {one.says[0]}. {REMEDIATIONS[one.name]}",
        )
        for one in audits
        if one.found
    ]
    troubles += [
        Trouble("books", f"{one.name} was last checked at {one.checked_at:%Y-%m-%d %H:%M}Z")
        for one in audits
        if one.checked_at is not None and now - one.checked_at > AUDIT_AGE
    ]
    return troubles
