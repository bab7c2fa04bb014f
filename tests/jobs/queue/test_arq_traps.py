"""How arq loses, doubles and forgets jobs: one test for each way, on a real Valkey.

In all of them the database is the truth: what was accepted settles, and bills once.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import pickle
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import redis.exceptions
from arq.worker import Worker

from jobs.queue import consumer as worker
from jobs.queue.consumer import Listener
from jobs.queue.doorbell import QUEUE, SETTLE_JOB, Doorbell, connect
from jobs.settling import mapper, retry, settle
from tests.jobs.doubles import FakeMappings, bill, body
from tests.jobs.worker_parts import (
    Heard,
    doorbell,
    listening,
    sweeping,
    until,
    until_states,
)
from tests.jobs.workshop import Workshop
from tests.support.valkey import Valkey

IN_PROGRESS = "arq:in-progress:"


def keys(valkey: Valkey, pattern: str) -> list[bytes]:
    with valkey.client() as client:
        found: list[bytes] = client.keys(pattern)
        return found


def waiting(valkey: Valkey) -> int:
    with valkey.client() as client:
        return int(client.zcard(QUEUE))


async def test_nothing_is_read_into_what_enqueuing_answers(
    valkey: Valkey, on_sqlite: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """None stands for "already there" and for a lost connection: the sweeper settles either way."""
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    async with doorbell(valkey.url) as bell:

        async def answer_none(*_: Any, **__: Any) -> None:
            return None

        monkeypatch.setattr(bell._redis, "enqueue_job", answer_none)
        bell.ring(await on_sqlite.post(body(bill("key"))))
        await until(lambda: bell.is_up)
        async with (
            listening(valkey.url, settler.settle),
            sweeping(on_sqlite, settler, fake),
        ):
            await until_states(on_sqlite, {"recorded": 1})


async def test_a_second_ring_of_a_delivery_is_a_job_of_its_own(valkey: Valkey) -> None:
    """A job id used before would be taken for the same job, queued, running or finished."""
    heard = Heard()
    async with doorbell(valkey.url) as bell:
        bell.ring(["one"])
        await until(lambda: waiting(valkey) == 1)
        bell.ring(["one"])
        await until(lambda: waiting(valkey) == 2)
        async with listening(valkey.url, heard.settle):
            await until(lambda: heard.ids == ["one", "one"])
            bell.ring(["one"])
            await until(lambda: heard.ids == ["one"] * 3)


async def test_a_finished_job_leaves_nothing_behind(valkey: Valkey) -> None:
    heard = Heard()
    async with listening(valkey.url, heard.settle), doorbell(valkey.url) as bell:
        bell.ring(["one"])
        await until(lambda: heard.ids and not waiting(valkey))
    left = {key for key in keys(valkey, "*") if b":health:" not in key}
    assert left == set()


async def test_an_expired_job_is_dropped_and_its_deliveries_are_swept(
    valkey: Valkey, on_sqlite: Workshop
) -> None:
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    async with doorbell(valkey.url) as bell:
        bell.ring(await on_sqlite.post(body(bill("key"))))
        await until(lambda: waiting(valkey) == 1)
    with valkey.client() as client:
        client.delete(*keys(valkey, "arq:job:*"))
    async with listening(valkey.url, settler.settle):
        await until(lambda: waiting(valkey) == 0, what="the expired job's end")
        assert await on_sqlite.states() == {"received": 1}
        async with sweeping(on_sqlite, settler, fake):
            await until_states(on_sqlite, {"recorded": 1})


async def test_a_job_that_breaks_is_heard_once_and_breaks_nothing_else(
    valkey: Valkey, logs: list[Any]
) -> None:
    heard = Heard()

    async def break_at_first(ids: Sequence[str]) -> None:
        await heard.settle(ids)
        if ids == ["breaks"]:
            raise LookupError("a bug")

    async with listening(valkey.url, break_at_first) as listener, doorbell(valkey.url) as bell:
        bell.ring(["breaks"])
        await until(lambda: heard.ids == ["breaks"])
        bell.ring(["next"])
        await until(lambda: heard.ids == ["breaks", "next"] and not waiting(valkey))
        assert [one["event"] for one in logs if one["log_level"] == "error"] == [
            "worker.job_exception"
        ]
        assert listener.is_up


async def test_a_job_that_takes_too_long_is_let_go_and_breaks_nothing_else(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(worker, "INNER_SECONDS", 0.2)
    heard = Heard()

    async def hang_at_first(ids: Sequence[str]) -> None:
        await heard.settle(ids)
        if ids == ["hangs"]:
            await asyncio.Event().wait()

    async with listening(valkey.url, hang_at_first), doorbell(valkey.url) as bell:
        bell.ring(["hangs"])
        await until(lambda: [one for one in logs if one["event"] == "worker.slow_ring"])
        bell.ring(["next"])
        await until(lambda: heard.ids == ["hangs", "next"] and not waiting(valkey))


def test_our_own_time_out_ends_before_arqs_lease() -> None:
    assert worker.INNER_SECONDS < worker.JOB_SECONDS


async def test_an_unknown_function_is_dropped(valkey: Valkey) -> None:
    heard = Heard()
    redis = connect(valkey.url)
    await redis.enqueue_job("os.system", ["one"])
    await redis.enqueue_job(SETTLE_JOB, "one", _job_id="no list")
    await redis.enqueue_job(SETTLE_JOB, ["one", 2], _job_id="no texts")
    await redis.enqueue_job(SETTLE_JOB, ["one"], _job_id="too much", more=1)
    await redis.enqueue_job(SETTLE_JOB, ["good"], _job_id="good")
    async with listening(valkey.url, heard.settle) as listener:
        await until(lambda: not waiting(valkey))
        assert heard.ids == ["good"]
        assert listener.is_up
    await redis.aclose(close_connection_pool=True)


async def test_a_pickle_in_redis_runs_nothing(valkey: Valkey, tmp_path: Path) -> None:
    trap = tmp_path / "sprung"

    class Malicious:
        def __reduce__(self) -> Any:
            return (Path.touch, (trap,))

    job: dict[str, Any] = {"t": None, "f": SETTLE_JOB, "a": (Malicious(),), "k": {}, "et": 1}
    with valkey.client() as client:
        client.set("arq:job:malicious", pickle.dumps(job))
        client.zadd(QUEUE, {"malicious": 1})
    async with listening(valkey.url, Heard().settle):
        await until(lambda: not waiting(valkey))
    assert not trap.exists()
    pickle.loads(pickle.dumps(job))  # noqa: S301 -- shows that the trap would have sprung
    assert trap.exists()


async def test_a_job_heard_twice_at_once_bills_once(
    valkey: Valkey, on_postgres: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease is never renewed: it runs out under a blocked loop, and another worker begins."""
    monkeypatch.setattr(retry, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(mapper, "KEEP_ALIVE_SECONDS", 60.0)  # a blocked loop keeps nothing alive
    fake = FakeMappings()
    settlers = [await on_postgres.settler(fake) for _ in range(2)]
    heard = Heard()

    async def settle_second(ids: Sequence[str]) -> None:
        await heard.settle(ids)
        await settlers[1].settle(ids)

    content = body(bill("key"), takes_seconds=1.0)
    ids = await on_postgres.post(content)
    async with (
        doorbell(valkey.url) as bell,
        listening(valkey.url, settlers[0].settle, name="one") as blocked,
    ):
        bell.ring(ids)
        await until(lambda: fake.mapped[content] == 1)
        assert blocked._worker is not None
        blocked._worker.allow_pick_jobs = False  # its loop is blocked: it takes nothing up
        await asyncio.sleep(0.4)
        with valkey.client() as client:
            client.delete(*keys(valkey, f"{IN_PROGRESS}*"))
        async with listening(valkey.url, settle_second, name="two"):
            await until(lambda: heard.ids == ids)
            await until(lambda: fake.mapped[content] == 2, what="a second mapping")
            await until_states(on_postgres, {"recorded": 1})
            await until(lambda: not waiting(valkey))
    assert len(await on_postgres.open_micros()) == 1
    assert await on_postgres.verdicts(ids[0]) == ["charged"]


async def test_orphaned_ids_starve_no_delivery(valkey: Valkey) -> None:
    """Jobs that a crashed worker holds, and jobs whose payload is gone, older than ours."""
    heard = Heard()
    with valkey.client() as client, client.pipeline() as pipe:
        for number in range(400):
            pipe.zadd(QUEUE, {f"held-{number}": 1 + number, f"gone-{number}": 1 + number})
            pipe.set(f"{IN_PROGRESS}held-{number}", b"1", px=60_000)
        pipe.execute()
    async with listening(valkey.url, heard.settle), doorbell(valkey.url) as bell:
        bell.ring(["ours"])
        await until(lambda: heard.ids == ["ours"], seconds=5)


async def test_a_crashed_workers_job_is_not_waited_for(valkey: Valkey, on_sqlite: Workshop) -> None:
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    async with doorbell(valkey.url) as bell:
        bell.ring(await on_sqlite.post(body(bill("key"))))
        await until(lambda: waiting(valkey) == 1)
    with valkey.client() as client:
        (name,) = client.zrange(QUEUE, 0, -1)
        client.set(IN_PROGRESS.encode() + name, b"1", px=60_000)
    async with (
        listening(valkey.url, settler.settle),
        sweeping(on_sqlite, settler, fake),
    ):
        await until_states(on_sqlite, {"recorded": 1}, seconds=5)


async def test_a_stale_abort_does_not_stop_a_job(valkey: Valkey) -> None:
    heard = Heard()
    redis = connect(valkey.url)
    with valkey.client() as client:
        client.zadd("arq:abort", {"mine": int(time.time() * 1000)})
    await redis.enqueue_job(SETTLE_JOB, ["one"], _job_id="mine")
    async with listening(valkey.url, heard.settle):
        await until(lambda: heard.ids == ["one"])
    await redis.aclose(close_connection_pool=True)


async def test_a_stop_ends_what_runs_and_loses_or_doubles_nothing(
    valkey: Valkey, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BATCH", 5)
    monkeypatch.setattr(worker, "COMPLETION_SECONDS", 0.3)
    ids = await workshop.post(*(body(bill(f"key-{n}"), takes_seconds=0.05) for n in range(40)))
    first = await workshop.settler(loops=1)
    async with doorbell(valkey.url) as bell:
        async with listening(valkey.url, first.settle, name="one"):
            bell.ring(ids)
            await until(lambda: keys(valkey, f"{IN_PROGRESS}*"))
            stopped = time.monotonic()
        assert time.monotonic() - stopped < 2
        await first.close()
        states = await workshop.states()
        assert 0 < states["received"] < 40, "the stop came in the midst of it"
        assert sum(states.values()) == 40
        second = await workshop.settler()
        async with listening(valkey.url, second.settle, name="two"):
            await until_states(workshop, {"recorded": 40})
    assert len(await workshop.open_micros()) == 40
    rows = [await workshop.delivery(one) for one in ids]
    assert {row.attempts for row in rows} == {1}


async def test_a_stopped_job_is_heard_again_however_often_it_was_cancelled(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five cancellations were enough for arq's default to give a job up."""
    monkeypatch.setattr(worker, "COMPLETION_SECONDS", 0.0)
    heard = Heard()

    async def hang(ids: Sequence[str]) -> None:
        await heard.settle(ids)
        await asyncio.Event().wait()

    async with doorbell(valkey.url) as bell:
        bell.ring(["one"])
        for _ in range(7):
            heard.rings.clear()
            async with listening(valkey.url, hang):
                await until(lambda: heard.ids == ["one"])
    assert waiting(valkey) == 1


async def test_jobs_that_fail_when_a_stop_was_cut_off_are_no_errors_of_ours(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that has no more time lets go of its jobs, and then each of them fails."""
    gone = asyncio.Event()
    begun = 0
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, error: errors.append(error))

    async def freeze(*_args: Any) -> None:
        nonlocal begun
        begun += 1
        await gone.wait()
        raise redis.exceptions.ConnectionError("Connection refused")

    monkeypatch.setattr(Worker, "finish_job", freeze)
    listener = asyncio.create_task(Listener(valkey.url, Heard().settle, name="one").run())
    for number in range(3):
        await connect(valkey.url).enqueue_job(SETTLE_JOB, [f"id-{number}"])
    await until(lambda: begun == 3)
    listener.cancel()
    await asyncio.sleep(0.3)  # it gives its jobs their time
    listener.cancel()
    await asyncio.wait({listener})
    del listener
    gone.set()
    await asyncio.sleep(0.05)
    gc.collect()
    assert errors == []


async def test_the_log_of_arq_carries_ids_only(
    valkey: Valkey, on_sqlite: Workshop, caplog: pytest.LogCaptureFixture
) -> None:
    settler = await on_sqlite.settler()
    content = body(bill("key", customer="a customer's name"))
    with caplog.at_level(logging.INFO, logger="arq"):
        async with listening(valkey.url, settler.settle), doorbell(valkey.url) as bell:
            ids = await on_sqlite.post(content)
            bell.ring(ids)
            await until_states(on_sqlite, {"recorded": 1})
            await until(lambda: not waiting(valkey))
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert ids[0] in logged
    assert "a customer's name" not in logged
    assert "outcomes" not in logged


async def test_each_worker_has_a_health_key_of_its_own(valkey: Valkey) -> None:
    async with (
        listening(valkey.url, Heard().settle, name="one"),
        listening(valkey.url, Heard().settle, name="two"),
    ):
        await until(lambda: len(keys(valkey, f"{QUEUE}:health:*")) == 2)


async def test_a_ring_is_heard_within_a_blink(valkey: Valkey) -> None:
    heard = Heard()
    async with listening(valkey.url, heard.settle), doorbell(valkey.url) as bell:
        took: list[float] = []
        for number in range(6):
            started = time.monotonic()
            bell.ring([f"ring-{number}"])
            await until(lambda: len(heard.ids) > len(took))
            took.append(time.monotonic() - started)
        assert min(took) < 0.25, "arq looks twice a second by itself"


async def test_a_doorbell_is_up_only_once_it_rang(valkey: Valkey) -> None:
    bell = Doorbell(valkey.url)
    assert bell.is_up is None
    await bell.close()
