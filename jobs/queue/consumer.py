"""The arq worker, supervised: it outlives Redis.

Owns the settings of arq (each against one of its traps) and reconnecting. Refuses to hold
state: a job lost, doubled or forgotten here costs latency, never a delivery.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import structlog
from arq.typing import WorkerCoroutine
from arq.worker import Worker, func

from jobs.common.errors import brief
from jobs.common.tasks import end, pass_over
from jobs.queue.doorbell import QUEUE, SETTLE_JOB, connect

log = structlog.get_logger(__name__)

#: arq's lease is the time-out + 10 s; the inner one ends first, so that arq never cancels a job.
JOB_SECONDS = 30
INNER_SECONDS = 20
#: Running jobs get this long to end at a stop; all of it stays under the usual grace of 10 s.
COMPLETION_SECONDS = 4
#: How often arq writes to Redis that it lives, and so finds out that it cannot write.
HEALTH_SECONDS = 5
#: Pauses between tries to reach Redis.
RECONNECT_SECONDS = (0.2, 0.5, 1.0, 2.0)

Settle = Callable[[Sequence[str]], Awaitable[None]]


class ArqWorker(Worker):
    """arq's worker, without a traceback for a Redis that froze or went away under a job."""

    async def run_job(self, *args: Any, **more: Any) -> None:
        """Run a job; raises to arq's loop, if that still runs."""
        _ignore_unawaited_failure()
        await super().run_job(*args, **more)

    async def finish_job(self, *args: Any, **more: Any) -> None:
        """Tell Redis that a job is over; raises to the task that still awaits it."""
        _ignore_unawaited_failure()
        await super().finish_job(*args, **more)

    async def finish_failed_job(self, *args: Any, **more: Any) -> None:
        """The same of a job that arq does not run."""
        _ignore_unawaited_failure()
        await super().finish_failed_job(*args, **more)


def _ignore_unawaited_failure() -> None:
    """Log no traceback for the current task, should it fail when nothing awaits it any more.

    arq ends a job behind a shield, and its loop hears of the first that failed: where the others
    were abandoned meanwhile, asyncio would log a time-out of Redis as an error that was never
    retrieved.
    """
    if (task := asyncio.current_task()) is not None:
        task.add_done_callback(pass_over)


class Listener:
    """Runs arq jobs until stopped; a lost Redis is tried again for as long as it takes."""

    def __init__(self, redis_url: str, settle: Settle, *, name: str) -> None:
        self._redis_url = redis_url
        self._settle = settle
        self._name = name
        self._worker: Worker | None = None
        #: Whether the worker is listening on Redis right now; None until it has tried.
        self.is_up: bool | None = None

    async def run(self) -> None:
        """Listen until cancelled."""
        failures = 0
        while True:
            try:
                await self._listen()
            except Exception as error:  # noqa: BLE001 - the listener outlives any end of arq
                failures = 0 if self.is_up else failures + 1
                if self.is_up is not False:
                    log.warning("worker.redis_lost", error=brief(error))
                self.is_up = False
                await asyncio.sleep(RECONNECT_SECONDS[min(failures, len(RECONNECT_SECONDS) - 1)])

    async def _listen(self) -> None:
        redis = connect(self._redis_url)
        health_key = f"{QUEUE}:health:{self._name}"
        try:
            # Not a PING: a Redis that is full or read-only answers that, and arq idles on it.
            await redis.set(health_key, b"starting", ex=HEALTH_SECONDS)
            self._worker = ArqWorker(
                functions=[
                    func(
                        cast(WorkerCoroutine, self._run_job),
                        name=SETTLE_JOB,
                        timeout=JOB_SECONDS,
                        keep_result=0,
                        max_tries=1_000,
                    )
                ],
                queue_name=QUEUE,
                redis_pool=redis,
                handle_signals=False,
                job_completion_wait=COMPLETION_SECONDS,
                max_jobs=100,
                poll_delay=0.02,
                queue_read_limit=1_000,
                health_check_interval=HEALTH_SECONDS,
                health_check_key=health_key,
                allow_abort_jobs=False,
                keep_result=0,
                log_results=False,
                job_deserializer=redis.job_deserializer,
                job_serializer=redis.job_serializer,
            )
            log.info("worker.listening")
            self.is_up = True
            main = asyncio.create_task(self._worker.main(), name="arq")
            try:
                await asyncio.wait({main})
                main.result()
            finally:
                await end(main)
        finally:
            await self._let_jobs_end()
            with contextlib.suppress(Exception):
                await redis.aclose(close_connection_pool=True)

    async def _run_job(self, _context: dict[Any, Any], ids: Any) -> None:
        """The one wrapper: no exception here decides how a delivery settles; the database does."""
        if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
            log.warning("worker.unknown_job")
            return
        try:
            async with asyncio.timeout(INNER_SECONDS):
                await self._settle(ids)
        except TimeoutError:
            log.warning("worker.slow_ring", deliveries=len(ids))
        except Exception:
            log.exception("worker.job_exception", deliveries=len(ids))

    async def _let_jobs_end(self) -> None:
        """Give running jobs their time; then cancel them: the sweeper takes their deliveries up."""
        tasks = list(self._worker.tasks.values()) if self._worker is not None else []
        if tasks:
            await asyncio.wait(tasks, timeout=COMPLETION_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._worker = None
