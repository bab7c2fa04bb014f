from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest

from jobs.filters import DeliveryFilter
from jobs.replays.replay import replay_status, start_replay
from jobs.settling import attempt, claims, retry, sweeper
from tests.jobs.doubles import FakeMappings, bill, body, needing
from tests.jobs.worker_parts import sweeping, until, until_states
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres


async def test_what_was_never_rung_is_found_at_the_start(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "EVERY_SECONDS", 60.0)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await workshop.post(*(body(bill(f"key-{number}")) for number in range(20)))
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 20})


async def test_what_came_since_is_left_to_the_doorbell_for_a_moment_and_then_found(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    async with sweeping(workshop, settler, fake):
        await asyncio.sleep(0.2)
        await workshop.post(body(bill("key")))
        await asyncio.sleep(0.5)
        assert await workshop.states() == {"received": 1}
        await until_states(workshop, {"recorded": 1}, seconds=5)


async def test_an_attempt_cut_off_by_a_kill_is_taken_up_when_its_lease_ends(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    promised_seconds = 10
    wait = retry.LEASE_SECONDS + sweeper.GRACE_SECONDS + sweeper.EVERY_SECONDS
    assert wait < promised_seconds - 2
    monkeypatch.setattr(retry, "LEASE_SECONDS", 1.0)
    fake = FakeMappings()
    ids = await workshop.post(body(bill("key")))
    assert len(await claims.claim(workshop.database, ids)) == 1  # and then it is killed
    settler = await workshop.settler(fake)
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 1}, seconds=5)
    assert (await workshop.delivery(ids[0])).attempts == 2


async def test_more_than_one_sweep_takes_is_swept_on_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP", 10)
    monkeypatch.setattr(sweeper, "EVERY_SECONDS", 60.0)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await workshop.post(*(body(bill(f"key-{number}")) for number in range(55)))
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 55})


async def test_several_sweepers_at_once_do_no_harm(workshop: Workshop) -> None:
    fake = FakeMappings()
    settlers = [await workshop.settler(fake) for _ in range(3)]
    await workshop.post(*(body(bill(f"key-{number % 100}")) for number in range(300)))
    async with contextlib.AsyncExitStack() as stack:
        for settler in settlers:
            await stack.enter_async_context(sweeping(workshop, settler, fake))
        await until_states(workshop, {"recorded": 300}, seconds=20)
    assert len(await workshop.open_micros()) == 100
    assert await workshop.is_balanced()


async def test_attempts_that_a_neighbour_ended_are_released(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACKOFF_LONGEST_SECONDS", 0.1)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    record = settler.attempts.recorder.settle
    faults = [TimeoutError("the network")] * (attempt.TRIES * 7)

    async def fail_for_a_while(*arguments: Any) -> Any:
        if faults:
            raise faults.pop()
        return await record(*arguments)

    monkeypatch.setattr(settler.attempts.recorder, "settle", fail_for_a_while)
    monkeypatch.setattr(sweeper, "EVERY_SECONDS", 0.05)
    monkeypatch.setattr(sweeper, "GRACE_SECONDS", 0.0)
    ids = await workshop.post(body(bill("key")))
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 1}, seconds=20)
    assert faults == []
    assert (await workshop.delivery(ids[0])).attempts == 1


async def test_replays_are_carried_on(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await settler.settle(await workshop.post(body(needing("a price", bill("key")))))
    started = await start_replay(workshop.database, DeliveryFilter(state="failed"), actor="test")
    fake.knows.add("a price")
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 1})

        async def is_done() -> bool:
            status = await replay_status(workshop.database, started.id)
            return status is not None and status.state == "done"

        await until(is_done)


async def test_a_long_replay_holds_up_no_sweep(workshop: Workshop) -> None:
    """Redis is away and a replay of hours is under way: what comes now is settled all the same."""
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    bodies = [body(needing("a price", bill(f"key-{n}")), takes_seconds=0.02) for n in range(400)]
    await settler.settle(await workshop.post(*bodies, source="slow"))
    fake.knows.add("a price")
    await start_replay(workshop.database, DeliveryFilter(state="failed"), actor="test")
    async with sweeping(workshop, settler, fake):

        async def is_replaying() -> bool:
            return "recorded" in await workshop.states()

        await until(is_replaying)
        (delivery_id,) = await workshop.post(body(bill("new")))

        async def is_settled() -> bool:
            return bool((await workshop.delivery(delivery_id)).state == "recorded")

        await until(is_settled, seconds=8)
        assert (await workshop.states())["failed"] > 0, "the replay was still under way"


async def test_a_slow_source_holds_up_no_sweep(workshop: Workshop) -> None:
    """Redis is away: what the sweeper finds while a slow mapping is under way has its turn too."""
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    slow = [body(bill(f"key-{n}"), takes_seconds=0.5) for n in range(60)]
    await workshop.post(*slow, source="slow")
    async with sweeping(workshop, settler, fake):
        await until(lambda: fake.mapped)
        (delivery_id,) = await workshop.post(body(bill("new")), source="quick")

        async def is_settled() -> bool:
            return bool((await workshop.delivery(delivery_id)).state == "recorded")

        await until(is_settled, seconds=8, what="the quick one's turn")
        assert (await workshop.states())["received"] > 0, "the slow ones were still under way"


async def test_a_fault_is_loud_and_ends_no_sweeping(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(sweeper, "EVERY_SECONDS", 0.05)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    release = settler.attempts.release_interrupted
    faults: list[Exception] = [KeyError("a bug"), ConnectionResetError("the network")]

    async def fail_at_first() -> None:
        if faults:
            raise faults.pop()
        await release()

    monkeypatch.setattr(settler.attempts, "release_interrupted", fail_at_first)
    await workshop.post(body(bill("key")))
    async with sweeping(workshop, settler, fake):
        await until_states(workshop, {"recorded": 1})
    events = [(entry["event"], entry["log_level"]) for entry in logs]
    assert ("sweeper.postponed", "warning") in events
    assert ("sweeper.error", "error") in events


async def test_a_database_that_was_away_is_swept_again(
    on_postgres: Workshop, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "EVERY_SECONDS", 0.1)
    fake = FakeMappings()
    settler = await on_postgres.settler(fake)
    await on_postgres.post(*(body(bill(f"key-{n}"), takes_seconds=0.05) for n in range(20)))
    async with sweeping(on_postgres, settler, fake):
        await asyncio.sleep(0.3)
        postgres.kill()
        await asyncio.sleep(0.5)
        postgres.restart()
        await on_postgres.database.engine.dispose()
        await until_states(on_postgres, {"recorded": 20}, seconds=30)
    assert len(await on_postgres.open_micros()) == 20
