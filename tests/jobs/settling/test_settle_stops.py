"""A stop, or a caller that goes away, loses and doubles nothing."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from jobs.settling import attempt, mapper, settle
from tests.jobs.doubles import FakeMappings, bill, body
from tests.jobs.workshop import Workshop


async def test_stopping_ends_the_attempt_under_way_and_leaves_the_rest_waiting(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "BATCH", 1)
    ids = await workshop.post(*(body(bill(f"key-{n}"), takes_seconds=0.2) for n in range(5)))
    settler = await workshop.settler(loops=1)
    settling = asyncio.create_task(settler.settle(ids))
    await asyncio.sleep(0.1)
    await settler.close()
    await asyncio.wait_for(settling, 1)
    assert await workshop.states() == {"recorded": 1, "received": 4}
    rest = [await workshop.delivery(one) for one in ids[1:]]
    assert {row.attempts for row in rest} == {0}


async def test_a_stop_while_others_have_their_turn_leaves_no_caller_waiting(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempt, "TURN_SECONDS", 0.1)
    monkeypatch.setattr(mapper, "SLICE_SECONDS", 0.1)
    ids = await workshop.post(*(body(bill(f"key-{n}"), takes_seconds=0.3) for n in range(5)))
    settler = await workshop.settler(loops=1)
    settling = asyncio.create_task(settler.settle(ids))
    await asyncio.sleep(0.15)
    await settler.close()
    await asyncio.wait_for(settling, 1)
    assert await workshop.states() == {"recorded": 1, "received": 4}
    rows = [await workshop.delivery(one) for one in ids]
    assert sorted(row.attempts for row in rows) == [0, 0, 0, 0, 1]


async def test_what_ends_a_loop_ends_the_worker_and_loses_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Panic(BaseException):
        """As a library that is not Python raises, past every `except Exception`."""

    def panics(*_: Any) -> None:
        raise Panic

    ids = await workshop.post(body(bill("key")))
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    watching = asyncio.create_task(settler.watch())
    with monkeypatch.context() as broken:
        broken.setattr(fake, "map", panics)
        await settler.settle(ids)
        with pytest.raises(Panic):
            await asyncio.wait_for(watching, 5)
    assert await workshop.states() == {"received": 1}
    await workshop.run("UPDATE deliveries SET next_attempt_at = received_at")
    await (await workshop.settler()).settle(ids)
    assert await workshop.states() == {"recorded": 1}


async def test_a_caller_that_goes_away_stops_nothing(workshop: Workshop) -> None:
    ids = await workshop.post(body(bill("key"), takes_seconds=0.2))
    settler = await workshop.settler()
    waiting = asyncio.create_task(settler.settle(ids))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await settler.close()
    assert await workshop.states() == {"recorded": 1}


async def test_a_stop_cuts_off_a_long_mapping_and_counts_it_for_no_delivery(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settle, "ENDING_SECONDS", 0.2)
    ids = await workshop.post(body(bill("slow"), takes_seconds=3), body(bill("quick")))
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    settling = asyncio.create_task(settler.settle(ids))
    while not fake.mapped:
        await asyncio.sleep(0.01)
    began = time.monotonic()
    await settler.close()
    await asyncio.wait_for(settling, 1)
    assert time.monotonic() - began < 2
    rows = [await workshop.delivery(one) for one in ids]
    assert {(row.state, row.attempts) for row in rows} == {("received", 0)}
    await (await workshop.settler()).settle(ids)
    assert await workshop.states() == {"recorded": 2}
