"""/livez, /readyz and /metrics: ready means that a delivery can be committed, no more."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest
from starlette.applications import Starlette

from receiver.health import readyz as module
from receiver.health.metrics import Metrics
from receiver.health.readyz import Health, Look, Trouble, health_routes


async def fine() -> None:
    """A database that commits."""


async def nothing_wrong() -> Sequence[Trouble]:
    return ()


async def redis_away() -> Sequence[Trouble]:
    return (Trouble("redis", "Redis does not answer"),)


async def broken() -> Sequence[Trouble]:
    raise ConnectionError("password=hunter2")


async def hanging() -> Sequence[Trouble]:
    await asyncio.sleep(3600)
    return ()


async def get(
    path: str, can_commit: Callable[[], Awaitable[None]] = fine, **looks: Look
) -> httpx.Response:
    health = Health(can_commit, looks)
    app = Starlette(routes=[*health_routes(health, Metrics(), count=fine)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.get(path)


async def hanging_commit() -> None:
    await asyncio.sleep(3600)


async def failing_commit() -> None:
    raise OSError("disk full")


async def test_alive_is_alive_whatever_else() -> None:
    assert (await get("/livez", hanging_commit)).json() == {"status": "ok"}


async def test_all_is_well() -> None:
    answer = await get("/readyz", redis=nothing_wrong)
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "problems": []}


async def test_a_warning_is_named_and_degrades_nothing() -> None:
    health = Health(fine, {}, warnings=lambda: [Trouble("mappings", "one rule looks like another")])
    app = Starlette(routes=[*health_routes(health, Metrics(), count=fine)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = (await client.get("/readyz")).json()
    assert answer == {
        "status": "ok",
        "problems": [],
        "warnings": [{"name": "mappings", "detail": "one rule looks like another"}],
    }


async def test_what_limps_is_named_and_stops_nothing() -> None:
    answer = await get("/readyz", redis=redis_away, worker=broken)
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    problems = answer.json()["problems"]
    assert problems[0] == {"name": "redis", "detail": "Redis does not answer"}
    assert problems[1]["name"] == "worker"
    assert "hunter2" not in answer.text


@pytest.mark.parametrize("can_commit", [failing_commit, hanging_commit])
async def test_without_a_commit_it_is_not_ready(
    can_commit: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.05)
    answer = await get("/readyz", can_commit, redis=redis_away)
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert [problem["name"] for problem in answer.json()["problems"]] == ["database", "redis"]


async def test_many_who_ask_share_one_look_and_a_fresh_answer_is_given_again() -> None:
    now = [0.0]
    asked: list[float] = []

    async def look() -> Sequence[Trouble]:
        asked.append(now[0])
        await asyncio.sleep(0.01)
        return ()

    health = Health(fine, {"redis": look}, clock=lambda: now[0])
    await asyncio.gather(*(health.look() for _ in range(50)))
    now[0] = 0.9
    await health.look()
    assert asked == [0.0]
    now[0] = 1.0
    await health.look()
    assert asked == [0.0, 1.0]


async def test_a_look_that_hangs_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    now = [0.0]
    started: list[float] = []

    async def look() -> Sequence[Trouble]:
        started.append(now[0])
        return await hanging()

    health = Health(fine, {"redis": look}, clock=lambda: now[0])
    for moment in (0.0, 2.0, 4.0):
        now[0] = moment
        ready, [trouble] = await health.look()
        assert ready
        assert trouble.name == "redis"
    assert started == [0.0]


async def test_a_look_that_ends_badly_after_its_time_is_no_bug_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))

    async def late() -> Sequence[Trouble]:
        await asyncio.sleep(0.05)
        raise TimeoutError

    assert "no answer within" in (await get("/readyz", worker=late)).text
    await asyncio.sleep(0.1)
    gc.collect()
    assert told == []


async def test_metrics_show_what_is_ready_and_what_limps() -> None:
    exposed = await get("/metrics", redis=redis_away, worker=nothing_wrong)
    assert exposed.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = exposed.text.splitlines()
    assert "receiver_ready 1.0" in lines
    assert 'receiver_health_problems{name="redis"} 1.0' in lines
    assert 'receiver_health_problems{name="worker"} 0.0' in lines
    assert 'receiver_health_problems{name="database"} 0.0' in lines
