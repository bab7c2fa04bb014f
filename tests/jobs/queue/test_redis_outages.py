"""A Redis that restarts, freezes, fills up or loses everything costs time only."""

from __future__ import annotations

import asyncio
import gc
import time
from typing import Any

import pytest
import redis.exceptions
from arq.worker import Worker

from jobs.queue import consumer as worker
from jobs.queue.consumer import Listener
from jobs.queue.doorbell import SETTLE_JOB, connect
from jobs.settling import settle
from tests.jobs.doubles import FakeMappings, bill, body
from tests.jobs.worker_parts import (
    Heard,
    doorbell,
    listening,
    running,
    sweeping,
    until,
    until_states,
)
from tests.jobs.workshop import Workshop
from tests.support.valkey import Valkey


async def test_a_listener_outlives_restarts_of_redis_and_logs_each_loss(
    valkey: Valkey, logs: list[Any]
) -> None:
    heard = Heard()
    async with listening(valkey.url, heard.settle) as listener:
        for _ in range(2):
            valkey.kill()
            await until(lambda: listener.is_up is False, what="a loss that is noticed")
            valkey.start()
            await until(lambda: listener.is_up, what="a listener that is back")
            heard.rings.clear()
            async with doorbell(valkey.url) as bell:
                bell.ring(["after a restart"])
                await until(lambda: heard.ids == ["after a restart"])
    lost = [entry for entry in logs if entry["event"] == "worker.redis_lost"]
    assert len(lost) == 2


async def test_a_listener_waits_for_a_redis_that_is_not_there_yet(valkey: Valkey) -> None:
    valkey.kill()
    heard = Heard()
    listener = Listener(valkey.url, heard.settle, name="early")
    async with running(listener.run()):
        await until(lambda: listener.is_up is False)
        valkey.start()
        await until(lambda: listener.is_up)


async def test_a_frozen_redis_holds_up_nothing_and_is_heard_again(
    valkey: Valkey, on_sqlite: Workshop
) -> None:
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    async with (
        listening(valkey.url, settler.settle) as listener,
        doorbell(valkey.url) as bell,
        sweeping(on_sqlite, settler, fake),
    ):
        valkey.freeze()
        try:
            started = time.monotonic()
            bell.ring(await on_sqlite.post(body(bill("key"))))
            assert time.monotonic() - started < 1
            await until_states(on_sqlite, {"recorded": 1}, seconds=5)
            await until(lambda: listener.is_up is False and bell.is_up is False, seconds=8)
        finally:
            valkey.thaw()
        await until(lambda: listener.is_up, what="a listener that is back")
        bell.ring(["anything"])
        await until(lambda: bell.is_up, what="a doorbell that is back")


def make_full(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.config_set("maxmemory", "1")


def make_roomy(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.config_set("maxmemory", "0")


def make_read_only(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.replicaof("127.0.0.1", "1")


def make_writable(valkey: Valkey) -> None:
    with valkey.client() as client:
        client.replicaof("NO", "ONE")


@pytest.mark.parametrize(
    ("spoil", "restore"),
    [(make_full, make_roomy), (make_read_only, make_writable)],
    ids=["out of memory", "read-only"],
)
async def test_a_redis_that_takes_no_writes_is_seen_to_be_down(
    valkey: Valkey, on_sqlite: Workshop, spoil: Any, restore: Any
) -> None:
    """Arq takes it for "already running elsewhere" and idles without a word."""
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    async with (
        listening(valkey.url, settler.settle) as listener,
        doorbell(valkey.url) as bell,
        sweeping(on_sqlite, settler, fake),
    ):
        spoil(valkey)
        try:
            bell.ring(await on_sqlite.post(body(bill("key"))))
            await until(lambda: bell.is_up is False, what="a doorbell that is down")
            await until(lambda: listener.is_up is False, what="a listener that is down")
            looks = []
            for _ in range(150):
                looks.append(listener.is_up)
                await asyncio.sleep(0.01)
            assert not any(looks), "down, and not up again in between"
            await until_states(on_sqlite, {"recorded": 1}, seconds=5)
        finally:
            restore(valkey)
        await until(lambda: listener.is_up, what="a listener that is back")
        bell.ring(["anything"])
        await until(lambda: bell.is_up, what="a doorbell that is back")


async def test_losing_everything_midway_costs_nothing_but_time(
    valkey: Valkey, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BATCH", 10)
    fake = FakeMappings()
    settlers = [await workshop.settler(fake) for _ in range(2)]
    async with (
        doorbell(valkey.url) as bell,
        listening(valkey.url, settlers[0].settle, name="one"),
        listening(valkey.url, settlers[1].settle, name="two"),
        sweeping(workshop, settlers[0], fake),
        sweeping(workshop, settlers[1], fake),
    ):
        for start in range(0, 200, 20):
            numbers = range(start, start + 20)
            bell.ring(await workshop.post(*(body(bill(f"key-{n % 150}")) for n in numbers)))
            await asyncio.sleep(0.02)
            if start in (60, 120):
                valkey.flush()
            if start == 100:
                valkey.restart()
        await until_states(workshop, {"recorded": 200}, seconds=20)
    assert len(await workshop.open_micros()) == 150
    assert await workshop.is_balanced()


@pytest.mark.parametrize("last_word", ["finish_job", "finish_failed_job"])
async def test_a_last_word_to_a_redis_that_froze_is_no_error_of_ours(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, last_word: str
) -> None:
    """It is reported behind a shield, so that it fails after the job was let go of."""
    monkeypatch.setattr(worker, "COMPLETION_SECONDS", 0.0)
    begun, thawed = asyncio.Event(), asyncio.Event()
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))

    async def freeze(*_args: Any) -> None:
        begun.set()
        await thawed.wait()
        raise redis.exceptions.ConnectionError("Timeout reading from socket")

    monkeypatch.setattr(Worker, last_word, freeze)
    async with listening(valkey.url, Heard().settle):
        name = SETTLE_JOB if last_word == "finish_job" else "unheard of"
        await connect(valkey.url).enqueue_job(name, ["one"])
        await begun.wait()
    thawed.set()
    await asyncio.sleep(0.05)
    gc.collect()
    assert errors == []
