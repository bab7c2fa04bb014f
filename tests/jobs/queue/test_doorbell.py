from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from redis.exceptions import RedisError

from jobs.queue import doorbell as ringing
from jobs.queue.doorbell import QUEUE, SETTLE_JOB, Doorbell, deserialize, serialize
from tests.jobs.worker_parts import Heard, doorbell, listening, until
from tests.support.valkey import Valkey


def queued(valkey: Valkey) -> list[dict[str, Any]]:
    """The jobs that wait in Redis, as they are stored."""
    with valkey.client() as client:
        names = client.zrange(QUEUE, 0, -1)
        return [json.loads(client.get(b"arq:job:" + name)) for name in names]


async def until_up(bell: Doorbell, *, up: bool = True) -> None:
    await until(lambda: bell.is_up is up, what=f"a doorbell that is {'up' if up else 'down'}")


async def test_a_ring_carries_ids_and_nothing_else_as_json(valkey: Valkey) -> None:
    async with doorbell(valkey.url) as bell:
        bell.ring(["one", "two"])
        await until(lambda: queued(valkey))
        (job,) = queued(valkey)
        assert (job["f"], job["a"], job["k"]) == (SETTLE_JOB, [["one", "two"]], {})


async def test_a_ring_does_not_outlive_the_news_in_it(valkey: Valkey) -> None:
    async with doorbell(valkey.url) as bell:
        bell.ring(["one"])
        await until_up(bell)
    with valkey.client() as client:
        (key,) = client.keys("arq:job:*")
        assert 0 < client.pttl(key) <= ringing.RING_EXPIRES_MS + 1_000


async def test_ringing_returns_at_once_and_rings_together_what_came_together(
    valkey: Valkey,
) -> None:
    async with doorbell(valkey.url) as bell:
        started = time.monotonic()
        for number in range(250):
            bell.ring([f"id-{number}"])
        assert time.monotonic() - started < 1
        await until_up(bell)
    rings = [job["a"][0] for job in queued(valkey)]
    assert sorted(map(len, rings)) == [50, 100, 100]
    assert {one for ring in rings for one in ring} == {f"id-{number}" for number in range(250)}


async def test_an_id_rung_twice_at_once_is_rung_once(valkey: Valkey) -> None:
    async with doorbell(valkey.url) as bell:
        bell.ring(["one"])
        bell.ring(["one", "two"])
        await until_up(bell)
    assert [job["a"] for job in queued(valkey)] == [[["one", "two"]]]


async def test_without_a_listener_redis_does_not_fill_up(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ringing, "MAX_QUEUED_RINGS", 3)
    monkeypatch.setattr(ringing, "PAUSE_SECONDS", 0.0)
    async with doorbell(valkey.url) as bell:
        for number in range(20):
            bell.ring([f"id-{number}"])
            await asyncio.sleep(0.02)
        await until_up(bell)
    assert 1 <= len(queued(valkey)) <= 5


async def test_a_doorbell_outlives_a_restart_of_redis(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ringing, "PAUSE_SECONDS", 0.1)
    async with doorbell(valkey.url) as bell:
        assert bell.is_up is None
        bell.ring(["before"])
        await until_up(bell)
        assert await bell.memory()
        valkey.kill()
        with pytest.raises((RedisError, OSError)):
            await bell.memory()
        bell.ring(["lost"])
        await until_up(bell, up=False)
        valkey.start()
        await asyncio.sleep(0.2)
        bell.ring(["after"])
        await until_up(bell)
        await until(lambda: queued(valkey))
        assert [job["a"] for job in queued(valkey)] == [[["after"]]]


async def test_a_doorbell_that_never_reaches_redis_neither_blocks_nor_raises() -> None:
    async with doorbell("unix:///nowhere/valkey.sock") as bell:
        for _ in range(3):
            bell.ring(["one"])
            await asyncio.sleep(0.01)
        await until_up(bell, up=False)
        started = time.monotonic()
    assert time.monotonic() - started < 1


async def test_each_loss_and_return_is_logged_once(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(ringing, "PAUSE_SECONDS", 0.05)
    async with doorbell(valkey.url) as bell:
        for _ in range(2):
            valkey.kill()
            for _ in range(5):
                bell.ring(["lost"])
                await asyncio.sleep(0.1)
            await until_up(bell, up=False)
            valkey.start()
            await asyncio.sleep(0.2)
            bell.ring(["heard"])
            await until_up(bell)
    events = [entry["event"] for entry in logs if entry["event"].startswith("doorbell")]
    assert events == ["doorbell.down", "doorbell.up"] * 2


JOB: dict[str, Any] = {"t": None, "f": SETTLE_JOB, "a": [["one"]], "k": {}, "et": 1}


def test_a_job_survives_its_serializer() -> None:
    assert deserialize(serialize(JOB)) == JOB


ODD: dict[str, Any] = {
    "no JSON": b"\x80\x04\x95",
    "no text": b"\xff\xfe",
    "nothing": b"",
    "no object": b"[1, 2]",
    "deep nesting": b"[" * 100_000,
    "a missing part": serialize({"f": SETTLE_JOB, "a": []}),
    "a function that is no name": serialize({**JOB, "f": ["settle_deliveries"]}),
    "arguments that are no list": serialize({**JOB, "a": 7}),
    "named arguments that are no object": serialize({**JOB, "k": [1]}),
    "a time that is no number": serialize({**JOB, "et": "yesterday"}),
    "a time beyond all calendars": serialize({**JOB, "et": 10**30}),
    "a count of tries that is no number": serialize({**JOB, "t": "many"}),
}


@pytest.mark.parametrize("stored", ODD.values(), ids=ODD.keys())
async def test_an_odd_job_is_dropped_and_the_next_is_heard(valkey: Valkey, stored: bytes) -> None:
    heard = Heard()
    with valkey.client() as client:
        client.set("arq:job:odd", stored)
        client.zadd(QUEUE, {"odd": 1})
    async with listening(valkey.url, heard.settle) as listener, doorbell(valkey.url) as bell:
        await until(lambda: not queued_names(valkey), seconds=3, what="an empty queue")
        bell.ring(["good"])
        await until(lambda: heard.ids == ["good"], seconds=3, what="the good ring")
        assert listener.is_up


def queued_names(valkey: Valkey) -> list[bytes]:
    with valkey.client() as client:
        names: list[bytes] = client.zrange(QUEUE, 0, -1)
        return names
