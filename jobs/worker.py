"""The worker process: settler, sweeper, listener, mappings, heartbeat and audits, put together.

Owns their start and their stop in order. Refuses to decide anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from jobs.alerts.dispatcher import AlertDispatcher, Post
from jobs.audits.auditor import Auditor
from jobs.audits.exceptions import EVERY_SECONDS, look_for_exceptions
from jobs.common.tasks import in_background, within
from jobs.exceptions.register import ROUND
from jobs.heartbeat import Heartbeat, mappings_health, process_name
from jobs.mapping_watch import MappingWatch
from jobs.privacy.retention import Retention
from jobs.queue.consumer import COMPLETION_SECONDS, Listener
from jobs.replays.items import note_results
from jobs.replays.runner import ReplayRunner
from jobs.settling.settle import Settler
from jobs.settling.sweeper import Sweeper
from jobs.storage.database import assert_durable, open_database
from mappings.engine.loading.load import SchemeRules
from mappings.engine.types import OLDEST_DAYS

log = structlog.get_logger(__name__)

#: A silent database does not keep a worker from ending.
GOOD_BYE_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The settings of a worker.

    `oldest_days` None switches the age limit off; `retention_days` 0 keeps bodies for good.
    `post` sends alerts; None: alerts are off.
    """

    database_url: str
    redis_url: str
    mappings: Path
    timezone: str
    schemes: SchemeRules
    oldest_days: int | None = OLDEST_DAYS
    retention_days: int = 0
    strict: bool = False
    post: Post | None = None


async def run_worker(
    config: WorkerConfig, stop: asyncio.Event, *, on_ready: Callable[[], None] | None = None
) -> None:
    """Settle deliveries until `stop` is set; `on_ready` is called once the first sweep may run.

    Raises MappingsRefused, DatabaseUnsuitable, and what the database raises when it cannot be
    reached at the start. Later faults are retried.
    """
    database = open_database(config.database_url)
    watch = MappingWatch(
        database, config.mappings, timezone=config.timezone, schemes=config.schemes
    )
    try:
        await assert_durable(database)
        await watch.start(strict=config.strict)
        settler = Settler(
            database,
            lambda: watch.current,
            note_results=note_results,
            look_for=watch.look_for,
            on_outdated=watch.reconsider,
            oldest_days=config.oldest_days,
        )
        await settler.start()
        replays = ReplayRunner(
            database,
            settler.settle,
            lambda: watch.current,
            oldest_days=config.oldest_days,
            look=watch.look_now,
            held=watch.held,
        )
        listener = Listener(config.redis_url, settler.settle, name=process_name())
        heartbeat = Heartbeat(
            database, role="work", detail=lambda: _health(listener, watch, config)
        )
        await heartbeat.beat()
        parts = {
            "settler": settler.watch(),
            "listener": listener.run(),
            "sweeper": Sweeper(database, settler).run(),
            "replays": replays.run(),
            "mappings": watch.run(),
            "heartbeat": heartbeat.run(),
            "auditor": Auditor(database).run(),
            "exceptions": Auditor(
                database, {ROUND: look_for_exceptions}, every_seconds=EVERY_SECONDS
            ).run(),
        }
        if config.post is not None:
            alerts = AlertDispatcher(database, config.post, mappings=lambda: watch.current)
            parts["alerts"] = alerts.run()
        if config.retention_days:
            parts["retention"] = Retention(database, days=config.retention_days).run()
        async with in_background(
            parts, stop=stop, end_seconds=COMPLETION_SECONDS + GOOD_BYE_SECONDS
        ):
            log.info("worker.ready")
            if on_ready is not None:
                on_ready()
            await stop.wait()
        await settler.close()
        await within(GOOD_BYE_SECONDS, heartbeat.stop())
    finally:
        await database.close()


def _health(listener: Listener, watch: MappingWatch, config: WorkerConfig) -> dict[str, Any]:
    return {
        "redis": listener.is_up,
        **mappings_health(watch.current, timezone=config.timezone),
    }
