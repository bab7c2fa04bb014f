"""What the long-running processes do alike: how they start, and how a signal stops them."""

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
from receiver.cli.common.session import Session
from receiver.config.env_file import doubtful_values
from receiver.config.logging import configure_logs
from receiver.config.reading import load_settings, misspelt
from receiver.config.settings import ENV_FILE, Settings
from receiver.local import lifeline

log = structlog.get_logger(__name__)

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


def log_setting_warnings() -> None:
    """Log a warning for each unknown setting and each value that looks wrong."""
    for warning in misspelt():
        log.warning("settings.unknown", detail=warning)
    for warning in doubtful_values(ENV_FILE):
        log.warning("settings.warning", detail=warning)


def start(**given: Any) -> Settings:
    """Start the process: settings, logs, the tables, and the time zone of the database.

    `given` settings override the environment.
    """
    lifeline.hold()
    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    configure_logs(settings.log_format, settings.log_level)
    log_setting_warnings()
    timezone = Session(settings).run(claim_timezone, settings.timezone)
    return settings.model_copy(update={"timezone": timezone})


def run_until_signal(
    work: Callable[[asyncio.Event], Awaitable[None]], *, stop_seconds: float
) -> None:
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
    """End this process then, whatever holds it: a silent database, a thread in a long mapping.

    It costs nothing: what was acknowledged is committed, what was interrupted is done again.
    """

    def end() -> None:
        log.warning("stop.cut_off", after_seconds=seconds)
        os._exit(0)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
