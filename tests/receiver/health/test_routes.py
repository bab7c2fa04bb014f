"""/livez, /readyz and /metrics: ready means that a delivery can be committed, no more."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Sequence

import httpx
import pytest
from starlette.applications import Starlette

from jobs.common.problem import Problem, note
from receiver.health import runner as module
from receiver.health.check import HealthCheck
from receiver.health.metrics import Metrics
from receiver.health.routes import health_routes
from receiver.health.runner import HealthRunner
from tests.receiver.health.conftest import Answer, check_of, fine, runner_of


async def nothing_wrong() -> Sequence[Problem]:
    return ()


async def redis_away() -> Sequence[Problem]:
    return [Problem("Redis does not answer", "bring it back")]


async def broken() -> Sequence[Problem]:
    raise ConnectionError("password=hunter2")


async def hanging() -> Sequence[Problem]:
    await asyncio.sleep(3600)
    return ()


async def get_from(runner: HealthRunner, path: str) -> httpx.Response:
    app = Starlette(routes=[*health_routes(runner, Metrics(), count=fine)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.get(path)


async def get(
    path: str, can_commit: Callable[[], Awaitable[None]] = fine, **answers: Answer
) -> httpx.Response:
    checks = [check_of(name, answer) for name, answer in answers.items()]
    return await get_from(runner_of(*checks, can_commit=can_commit), path)


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


async def notes() -> Sequence[Problem]:
    return [note("one rule looks like another")]


@pytest.mark.parametrize("warns", [True, False])
async def test_a_warning_is_named_where_it_is_wanted_and_degrades_nothing(*, warns: bool) -> None:
    answer = await get_from(runner_of(check_of("mappings", notes, warns=warns)), "/readyz")
    warning = {
        "name": "mappings",
        "severity": "note",
        "summary": "one rule looks like another",
        "remediation": "",
        "commands": [],
    }
    assert answer.json() == {
        "status": "ok",
        "problems": [],
        **({"warnings": [warning]} if warns else {}),
    }


async def test_what_is_degraded_is_named_and_stops_nothing() -> None:
    answer = await get("/readyz", redis=redis_away, worker=broken)
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    problems = answer.json()["problems"]
    assert problems[0] == {
        "name": "redis",
        "severity": "problem",
        "summary": "Redis does not answer",
        "remediation": "bring it back",
        "commands": [],
    }
    assert problems[1]["name"] == "worker"
    assert "hunter2" not in answer.text


async def test_what_only_the_doctor_may_show_is_counted_and_not_named() -> None:
    runner = runner_of(check_of("files", redis_away, on_readyz=False))
    assert (await get_from(runner, "/readyz")).json() == {"status": "ok", "problems": []}
    assert (
        'receiver_health_problems{check="files"} 1.0' in (await get_from(runner, "/metrics")).text
    )


@pytest.mark.parametrize("can_commit", [failing_commit, hanging_commit])
async def test_without_a_commit_it_is_not_ready(
    can_commit: Callable[[], Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.05)
    answer = await get("/readyz", can_commit, redis=redis_away)
    assert answer.status_code == 503
    assert answer.json()["status"] == "unavailable"
    assert [problem["name"] for problem in answer.json()["problems"]] == ["database", "redis"]


def at(now: list[float], check: HealthCheck) -> HealthRunner:
    return runner_of(check, clock=lambda: now[0])


async def test_many_who_ask_share_one_run_and_a_fresh_answer_is_given_again() -> None:
    now = [0.0]
    asked: list[float] = []

    async def answer() -> Sequence[Problem]:
        asked.append(now[0])
        await asyncio.sleep(0.01)
        return ()

    runner = at(now, check_of("redis", answer))
    await asyncio.gather(*(runner.health() for _ in range(50)))
    now[0] = 0.9
    await runner.health()
    assert asked == [0.0]
    now[0] = 1.0
    await runner.health()
    assert asked == [0.0, 1.0]


async def test_a_check_that_hangs_is_not_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    now = [0.0]
    started: list[float] = []

    async def answer() -> Sequence[Problem]:
        started.append(now[0])
        return await hanging()

    runner = at(now, check_of("redis", answer))
    for moment in (0.0, 2.0, 4.0):
        now[0] = moment
        health = await runner.health()
        assert health.is_ready
        assert [problem.name for problem in health.problems] == ["redis"]
    assert started == [0.0]


async def test_a_check_that_ends_badly_after_its_time_is_no_bug_in_the_log(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.01)
    reported: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))

    async def late() -> Sequence[Problem]:
        await asyncio.sleep(0.05)
        raise TimeoutError

    assert "no answer within" in (await get("/readyz", worker=late)).text
    await asyncio.sleep(0.1)
    gc.collect()
    assert reported == []


async def test_metrics_show_what_is_ready_and_what_is_degraded() -> None:
    exposed = await get("/metrics", redis=redis_away, worker=nothing_wrong)
    assert exposed.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = exposed.text.splitlines()
    assert "receiver_ready 1.0" in lines
    assert 'receiver_health_problems{check="redis"} 1.0' in lines
    assert 'receiver_health_problems{check="worker"} 0.0' in lines
    assert 'receiver_health_problems{check="database"} 0.0' in lines
