"""Replays go on over kills, side by side and in steps."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from jobs.filters import DeliveryFilter
from jobs.replays import runner as replay_runner
from jobs.replays.replay import discard, replay_status, start_replay
from jobs.storage import batching
from jobs.storage.schema import (
    actions,
    billing_events,
    deliveries,
    replay_items,
    replays,
)
from tests.jobs.doubles import FakeMappings, bill, body, incoming, needing
from tests.jobs.replays.failed import RECORDED, UNPRICED, some_failed
from tests.jobs.workshop import Workshop


class Interrupted(Exception):
    """The worker ends here."""


async def test_a_replay_goes_on_where_a_killed_worker_left_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runner, "STEP", 4)
    fake = FakeMappings()
    first, second = await workshop.settler(fake), await workshop.settler(fake)
    await some_failed(workshop, fake, 20)
    fake.knows.add("a price")
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    steps = 0

    async def settle_until_killed(ids: list[str]) -> None:
        nonlocal steps
        steps += 1
        if steps == 3:
            raise Interrupted
        await settle(ids)

    settle = first.settle
    monkeypatch.setattr(first, "settle", settle_until_killed)
    with pytest.raises(Interrupted):
        await workshop.runner(first, fake).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.done) == ("running", 8)
    assert await workshop.states() == {"recorded": 8, "received": 4, "failed": 8}
    runner = workshop.runner(second, fake)
    await runner.advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.done) == ("running", 16), "four were released and wait"
    waiting = await workshop.all(select(deliveries.c.id).where(deliveries.c.state == "received"))
    await second.settle([row.id for row in waiting])  # as the sweeper does
    await runner.advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded) == ("done", 20)
    assert len(await workshop.open_micros()) == 20


async def test_two_workers_carry_one_replay_on_together(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runner, "STEP", 5)
    fake = FakeMappings()
    settlers = [await workshop.settler(fake) for _ in range(2)]
    await some_failed(workshop, fake, 60)
    recorded = await workshop.post(*(body(bill(f"other-{number}")) for number in range(10)))
    await settlers[0].settle(recorded)
    fake.knows.add("a price")
    started = [
        await start_replay(workshop.database, where, actor="test") for where in (UNPRICED, RECORDED)
    ]
    runners = [workshop.runner(settler, fake) for settler in settlers]
    await asyncio.gather(*(runner.advance() for runner in runners))
    await runners[0].advance()
    found = [await replay_status(workshop.database, one.id) for one in started]
    assert [(one.state, one.done) for one in found if one] == [("done", 60), ("done", 10)]
    assert await workshop.states() == {"recorded": 70}
    assert await workshop.count(billing_events) == 70


async def test_two_replays_of_the_same_deliveries_bill_them_once(workshop: Workshop) -> None:
    fake = FakeMappings()
    settlers = [await workshop.settler(fake) for _ in range(2)]
    await some_failed(workshop, fake, 30)
    fake.knows.add("a price")
    started = [await start_replay(workshop.database, UNPRICED, actor="test") for _ in range(2)]
    await asyncio.gather(*(workshop.runner(one, fake).advance() for one in settlers))
    await workshop.runner(settlers[0], fake).advance()
    for one in started:
        status = await replay_status(workshop.database, one.id)
        assert status is not None
        assert (status.state, status.done, status.failed) == ("done", 30, 0)
    assert await workshop.count(billing_events) == 30


async def test_a_delivery_that_a_repeat_woke_meanwhile_is_settled_for_the_replay_too(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    post = incoming(body(needing("a price", bill("key"))))
    await settler.settle(await workshop.accept([post]))
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    await workshop.inbox.accept(post)
    assert await workshop.states() == {"received": 1}
    fake.knows.add("a price")
    await workshop.runner(settler, fake).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded) == ("done", 1)


async def test_what_was_discarded_meanwhile_stays_discarded(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake, 2)
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    await discard(workshop.database, DeliveryFilter(ids=(ids[0],)), actor="me", note="spam")
    fake.knows.add("a price")
    await workshop.runner(settler, fake).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded, status.unchanged) == ("done", 1, 1)
    assert await workshop.states() == {"recorded": 1, "discarded": 1}


async def test_one_as_a_canary_does_not_wait_for_a_long_replay(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runner, "STEP", 2)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake, 40)
    fake.knows.add("a price")
    long = await start_replay(workshop.database, UNPRICED, actor="test")
    advancing = asyncio.create_task(workshop.runner(settler, fake).advance())
    while not (begun := await replay_status(workshop.database, long.id)) or begun.done < 4:
        await asyncio.sleep(0.01)
    canary = await start_replay(
        workshop.database, DeliveryFilter(ids=(ids[-1],)), actor="test", limit=1
    )
    await advancing
    ended = {
        row.id: row.finished_at
        for row in await workshop.all(select(replays.c.id, replays.c.finished_at))
    }
    assert ended[canary.id] < ended[long.id]
    assert await workshop.states() == {"recorded": 40}


async def test_two_replays_that_overlap_share_what_each_finds(workshop: Workshop) -> None:
    """The second takes what failed too; what the first has recorded by then it leaves alone."""
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake, 6)
    fake.knows.add("a price")
    first = await start_replay(workshop.database, UNPRICED, actor="test", limit=4)
    second = await start_replay(workshop.database, DeliveryFilter(ids=tuple(ids[2:])), actor="test")
    await workshop.runner(settler, fake).advance()
    found = [await replay_status(workshop.database, one.id) for one in (first, second)]
    assert [(one.state, one.matched, one.done) for one in found if one] == [("done", 4, 4)] * 2
    assert [(one.recorded, one.unchanged) for one in found if one] == [(4, 0), (2, 2)]
    assert await workshop.states() == {"recorded": 6}
    assert await workshop.count(billing_events) == 6


async def test_a_replay_of_many_is_gathered_in_parts_and_noted_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STEP", 3)
    fake = FakeMappings()
    ids = await some_failed(workshop, fake, 10)
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    items = await workshop.all(
        select(replay_items.c.delivery_id, replay_items.c.position).order_by(
            replay_items.c.position
        )
    )
    assert [tuple(row) for row in items] == list(zip(ids, range(1, 11), strict=True))
    (action,) = await workshop.all(select(actions))
    assert (action.count, action.detail) == (10, {"replay": started.id})


async def test_a_replay_cut_off_while_it_is_gathered_takes_up_nothing(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STEP", 3)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await some_failed(workshop, fake, 10)
    monkeypatch.setattr(batching, "PAUSE_SECONDS", 3600)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(start_replay(workshop.database, UNPRICED, actor="test"), 1)
    fake.knows.add("a price")
    await workshop.runner(settler, fake).advance()
    assert await workshop.states() == {"failed": 10}
    assert await workshop.count(actions) == 0


async def test_bodies_are_compared_a_few_at_a_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BODIES_BYTES", 1_000)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(*(body(bill(f"key-{n}"), padding="x" * 400) for n in range(10)))
    await settler.settle(ids)
    held: list[int] = []
    load = batching.with_bodies

    async def watched(*arguments: Any) -> AsyncIterator[Any]:
        async for rows in load(*arguments):
            held.append(sum(len(row["body"]) for row in rows))
            yield rows

    monkeypatch.setattr(replay_runner, "with_bodies", watched)
    fake.micros = 2_000_000
    status = await workshop.replay(settler, fake, RECORDED)
    assert (status.unchanged, len(status.differences)) == (10, 10)
    assert len(held) >= 4
    assert max(held) < 2_000


async def test_no_more_is_released_while_what_was_does_not_settle(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow source is put off by its settler: a replay of it does not pile up as live traffic."""
    monkeypatch.setattr(replay_runner, "STEP", 2)
    monkeypatch.setattr(replay_runner, "OUTSTANDING", 4)
    monkeypatch.setattr(replay_runner, "REST_SECONDS", 0.02)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await some_failed(workshop, fake, 10)
    fake.knows.add("a price")
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    settle = settler.settle

    async def put_off(_ids: Any) -> None:
        """Nothing is settled for now."""

    monkeypatch.setattr(settler, "settle", put_off)
    advancing = asyncio.create_task(workshop.runner(settler, fake).advance())
    await asyncio.sleep(1)
    assert await workshop.states() == {"received": 4, "failed": 6}
    monkeypatch.setattr(settler, "settle", settle)
    waiting = await workshop.all(select(deliveries.c.id).where(deliveries.c.state == "received"))
    await settler.settle([row.id for row in waiting])
    await advancing
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded) == ("done", 10)
