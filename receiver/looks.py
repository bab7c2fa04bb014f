"""What /readyz looks at besides the database: each look says what limps and what mends it.

Owns the sentences. Nothing here stops deliveries from coming in.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import monotonic

import structlog

from jobs.database import Database
from jobs.heartbeat import ALIVE_SECONDS, alive
from jobs.queries.backlog import oldest_received_age_seconds
from jobs.queries.status import read_status
from jobs.schema import STATES
from mappings.load import MappingSet
from receiver.health import Look, Trouble
from receiver.metrics import Metrics

log = structlog.get_logger(__name__)

#: A delivery that waits longer than this is a backlog, not a moment.
BACKLOG_SECONDS = 60.0
#: At most this many problems of the mappings are named; `receiver check` has them all.
MOST_PROBLEMS = 20
#: Counting all deliveries is not done more often than this.
COUNT_EVERY_SECONDS = 15.0
COUNT_SECONDS = 5.0


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


def look_at_secrets(missing: Callable[[], Mapping[str, Sequence[str]]]) -> Look:
    """Which sources have no secret, and so answer 503."""

    async def look() -> Sequence[Trouble]:
        return [
            Trouble("secrets", f"source {source} is shut: set {' or '.join(names)}")
            for source, names in sorted(missing().items())
        ]

    return look


class StateCounts:
    """Keeps the gauges of deliveries by state, counted in the database now and then."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics
        self._counted_at = -COUNT_EVERY_SECONDS

    async def refresh(self) -> None:
        """Count again if it is time to; a database that is slow or away leaves the last count."""
        if monotonic() - self._counted_at < COUNT_EVERY_SECONDS:
            return
        self._counted_at = monotonic()
        try:
            status = await asyncio.wait_for(read_status(self._database), COUNT_SECONDS)
        except Exception as error:  # noqa: BLE001 - whatever it is, the other metrics still count
            log.warning("metrics.not_counted", error=str(error)[:300])
            return
        states = {state: int(getattr(status, state)) for state in STATES}
        self._metrics.show_states(states, status.oldest_received_age_seconds)
