"""`serve` and `work`: one process each, until a signal ends it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import Any

import structlog
import uvloop

from jobs.service import WorkerConfig, run_worker
from receiver.app import create_app
from receiver.cli.session import Session
from receiver.cli.trouble import Trouble
from receiver.logs import configure_logs
from receiver.serving import serve as serve_http
from receiver.settings import Settings, load_settings, misspelt
from receiver.signatures import RULES
from receiver.up import lifeline

log = structlog.get_logger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(*, strict: bool, **given: Any) -> None:
    """The web process; `given` settings go before the environment."""
    settings = _start(given)
    app = create_app(settings, strict=strict)

    async def run(stop: asyncio.Event) -> None:
        try:
            await serve_http(app, settings, stop, on_ready=lifeline.say_ready)
        except OSError as error:
            if isinstance(error.__cause__, SystemExit):  # how uvicorn says that the port is taken
                raise Trouble(f"{error}; stop what has it, or choose another --port") from error
            raise

    _run(run)


def work(*, strict: bool) -> None:
    """The worker process."""
    settings = _start({})
    config = WorkerConfig(
        database_url=settings.database,
        redis_url=settings.redis,
        mappings=settings.mappings,
        timezone=settings.timezone,
        schemes=RULES,
        oldest_days=settings.oldest_outcome_days,
        retention_days=settings.retention_days,
        strict=strict,
    )

    async def run(stop: asyncio.Event) -> None:
        await run_worker(config, stop, on_ready=lifeline.say_ready)

    _run(run)


def _start(given: dict[str, Any]) -> Settings:
    """What both do first: settings, logs, and a look whether the tables are there."""
    lifeline.hold()
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_logs(settings.log_format, settings.log_level)
    for warning in misspelt():
        log.warning("settings.unknown", detail=warning)
    Session(settings).require_database()
    return settings


def _run(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run until SIGTERM or SIGINT; a second one of them does not wait."""

    async def until_stopped() -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()

        def begin_stop() -> None:
            stop.set()
            for number in _STOP_SIGNALS:
                loop.remove_signal_handler(number)

        for number in _STOP_SIGNALS:
            loop.add_signal_handler(number, begin_stop)
        await work(stop)

    uvloop.run(until_stopped())
