"""The doorbell: rings workers through Redis for new deliveries.

Owns the queue's name, its serializer and its connections. Refuses to be relied on: an arq job
carries ids only, what `enqueue_job` returns is ignored, and while Redis is away rings
are dropped, since the sweeper finds every delivery without them.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Sequence
from typing import Any

import structlog
from arq.connections import ArqRedis
from redis.asyncio import BlockingConnectionPool

from jobs.common.errors import brief
from jobs.common.ids import new_id
from jobs.common.tasks import end

log = structlog.get_logger(__name__)

QUEUE = "receiver:deliveries"
#: The arq job that settles; its arguments are a list of delivery ids.
SETTLE_JOB = "settle_deliveries"
#: Ids in one ring; more are spread over several, so that workers share them.
IDS_IN_A_RING = 100
#: A ring older than this is stale: the sweeper has been there.
RING_EXPIRES_MS = 10 * 60 * 1000
#: No job was rung after the year 2200; arq makes a calendar date of the number.
LATEST_MS = 7_258_118_400_000
#: With this many rings in the queue, workers are away; more would only fill Redis.
MAX_QUEUED_RINGS = 10_000
#: After a failed ring, rings are dropped for this long.
PAUSE_SECONDS = 1.0
#: Socket time-outs: a frozen Redis must not hold a worker.
CONNECT_SECONDS = 1.0
SOCKET_SECONDS = 2.0


def serialize(job: dict[str, Any]) -> bytes:
    """JSON, never pickle: who can write to Redis must not run code here."""
    return json.dumps(job, separators=(",", ":")).encode()


def deserialize(data: bytes) -> dict[str, Any]:
    """The job; one of another shape becomes a job of an unknown name, which arq drops.

    Some of them would end arq's worker, again and again.
    """
    try:
        job = json.loads(data)
    except (ValueError, RecursionError):
        job = None
    return job if _is_job(job) else {"f": "unreadable", "a": [], "k": {}, "t": None, "et": 0}


def _is_job(job: Any) -> bool:
    return (
        isinstance(job, dict)
        and isinstance(job.get("f"), str)
        and isinstance(job.get("a"), list)
        and isinstance(job.get("k"), dict)
        and job.get("t") is None
        and isinstance(job.get("et"), int)
        and 0 <= job["et"] < LATEST_MS
    )


def connect(redis_url: str, *, connections: int = 20) -> ArqRedis:
    """A client for `redis://`, `rediss://` or `unix://` with time-outs; nothing connects yet."""
    pool: BlockingConnectionPool = BlockingConnectionPool.from_url(
        redis_url,
        max_connections=connections,
        timeout=SOCKET_SECONDS,
        socket_timeout=SOCKET_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
    )
    return ArqRedis(
        pool,
        job_serializer=serialize,
        job_deserializer=deserialize,
        default_queue_name=QUEUE,
        expires_extra_ms=RING_EXPIRES_MS,
    )


class Doorbell:
    """Rings workers in the background; `ring` returns at once and never raises."""

    def __init__(self, redis_url: str) -> None:
        self._redis = connect(redis_url, connections=4)
        self._ids: dict[str, None] = {}
        self._pressed = asyncio.Event()
        self._ringer: asyncio.Task[None] | None = None
        self._queued_checked_at = 0.0
        self._queued = 0
        #: Whether the last ring reached Redis; None before the first.
        self.is_up: bool | None = None

    async def start(self) -> None:
        """Start ringing; ids given before are rung now."""
        self._ringer = asyncio.create_task(self._ring_forever(), name="doorbell")

    async def close(self) -> None:
        """Stop; ids that were not rung are left to the sweeper."""
        if self._ringer is not None:
            await end(self._ringer)
        with contextlib.suppress(Exception):
            await self._redis.aclose(close_connection_pool=True)

    def ring(self, ids: Sequence[str]) -> None:
        """Ring workers for these deliveries, soon."""
        self._ids.update(dict.fromkeys(ids))
        self._pressed.set()

    async def memory(self) -> dict[str, Any]:
        """The memory of Redis; raises RedisError or OSError where it does not answer."""
        memory: dict[str, Any] = await self._redis.info("memory")
        return memory

    async def _ring_forever(self) -> None:
        while True:
            await self._pressed.wait()
            self._pressed.clear()
            ids, self._ids = list(self._ids), {}
            try:
                await self._enqueue(ids)
            except Exception as error:  # noqa: BLE001 - a lost ring costs latency only
                if self.is_up is not False:
                    log.warning("doorbell.down", error=brief(error))
                self.is_up = False
                await asyncio.sleep(PAUSE_SECONDS)
                self._ids.clear()
            else:
                if self.is_up is False:
                    log.info("doorbell.up")
                self.is_up = True

    async def _enqueue(self, ids: Sequence[str]) -> None:
        if await self._is_queue_full():
            return
        for start in range(0, len(ids), IDS_IN_A_RING):
            # A fresh job id for each ring: an id used before could be taken for the same job.
            await self._redis.enqueue_job(
                SETTLE_JOB, ids[start : start + IDS_IN_A_RING], _job_id=new_id()
            )

    async def _is_queue_full(self) -> bool:
        now = time.monotonic()
        if now - self._queued_checked_at > PAUSE_SECONDS:
            self._queued = int(await self._redis.zcard(QUEUE))
            self._queued_checked_at = now
        return self._queued > MAX_QUEUED_RINGS
