"""`serve` and `work`: one process each, until a signal ends it."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvloop

from jobs.timezone import claim_timezone
from jobs.worker import WorkerConfig, run_worker
from receiver.alerting.sender import post_of
from receiver.app import create_app
from receiver.cli.common.errors import Trouble
from receiver.cli.common.session import Session
from receiver.config.env_file import doubtful_values
from receiver.config.logging import configure_logs
from receiver.config.settings import ENV_FILE, Settings, load_settings, misspelt
from receiver.local import lifeline
from receiver.signatures import RULES
from receiver.web.server import serve as serve_http

log = structlog.get_logger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
#: Under the grace period of 10 s that supervisors give.
WORKER_STOP_SECONDS = 9.5
#: A process that has so long to stop is ended this much before.
MARGIN_SECONDS = 0.3


def serve(*, strict: bool, **given: Any) -> None:
    """The web process; `given` settings go before the environment."""
    settings = _start(given)

    async def run(stop: asyncio.Event) -> None:
        app = create_app(settings, strict=strict, stop=stop)
        try:
            await serve_http(app, settings, stop, on_ready=lifeline.say_ready)
        except OSError as error:
            if isinstance(error.__cause__, SystemExit):  # how uvicorn says that the port is taken
                raise Trouble(f"{error}; stop what has it, or choose another --port") from error
            raise

    _run(run, stop_seconds=settings.shutdown_seconds - MARGIN_SECONDS)


def work(*, strict: bool) -> None:
    """The worker process."""
    settings = _start({})
    config = WorkerConfig(
        database_url=settings.database,
        redis_url=settings.redis,
        mappings=settings.mappings,
        timezone=settings.timezone_name,
        schemes=RULES,
        oldest_days=settings.max_outcome_age_days,
        retention_days=settings.retention_days,
        strict=strict,
        post=post_of(settings),
    )

    async def run(stop: asyncio.Event) -> None:
        await run_worker(config, stop, on_ready=lifeline.say_ready)

    _run(run, stop_seconds=WORKER_STOP_SECONDS)


def _start(given: dict[str, Any]) -> Settings:
    """What both do first: settings, logs, the tables, and the zone that the database has."""
    lifeline.hold()
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_logs(settings.log_format, settings.log_level)
    for warning in misspelt():
        log.warning("settings.unknown", detail=warning)
    for warning in doubtful_values(ENV_FILE):
        log.warning("settings.warning", detail=warning)
    timezone = Session(settings).run(claim_timezone, settings.timezone)
    return settings.model_copy(update={"timezone": timezone})


def _run(work: Callable[[asyncio.Event], Awaitable[None]], *, stop_seconds: float) -> None:
    """Run until SIGTERM or SIGINT and end within `stop_seconds`; a second one does not wait."""

    async def until_stopped() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def begin_stop() -> None:
            stop.set()
            _end_after(stop_seconds)
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, begin_stop)
        await work(stop)

    uvloop.run(until_stopped())


def _end_after(seconds: float) -> None:
    """End this process then, whatever holds it: a silent database, a thread amid a long mapping.

    It costs nothing: what was acknowledged is committed, what was cut off is taken up again.
    """

    def end() -> None:
        log.warning("stop.cut_off", after_seconds=seconds)
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
