"""Run a worker: it settles what the web process accepted. Run as many as you like."""

from __future__ import annotations

import asyncio

from jobs.worker import WorkerConfig, run_worker
from receiver.alerting.sender import sender_of
from receiver.cli.common import options as arg
from receiver.cli.common.process import run_until_signal, start
from receiver.local import lifeline
from receiver.signatures import RULES

EXAMPLES = ("receiver work", "receiver work --strict")

#: Under the grace period of 10 s that supervisors give.
STOP_SECONDS = 9.5


def work(strict: arg.Strict = False) -> None:
    """Run until a signal."""
    settings = start()
    sender = sender_of(settings)
    config = WorkerConfig(
        database_url=settings.database,
        redis_url=settings.redis,
        mappings=settings.mappings,
        timezone=settings.timezone_name,
        schemes=RULES,
        oldest_days=settings.max_outcome_age_days,
        retention_days=settings.retention_days,
        strict=strict,
        post=sender.post if sender else None,
    )

    async def run(stop: asyncio.Event) -> None:
        await run_worker(config, stop, on_ready=lifeline.report_ready)

    run_until_signal(run, stop_seconds=STOP_SECONDS)
