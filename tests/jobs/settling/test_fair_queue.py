"""Neither a long backlog nor a slow source keeps others waiting."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest

from jobs.ledger.fold import ClaimedDelivery
from jobs.settling import retry, sweeper
from jobs.settling.fair_queue import SLOW_SECONDS, FairQueue
from jobs.settling.settle import Settler
from tests.jobs.doubles import FakeMappings, bill, body
from tests.jobs.workshop import Workshop


def claimed(source: str, number: int = 0) -> ClaimedDelivery:
    return ClaimedDelivery(
        id=f"{source}-{number}",
        source=source,
        body=b"",
        headers={},
        received_at=datetime(2026, 3, 1, 12, 0, number, tzinfo=UTC),
        vendor_id=None,
        attempts=1,
    )


async def test_a_batch_is_of_the_oldest_wishes_and_some_of_the_newest() -> None:
    queue = FairQueue(2)
    await queue.add(f"old-{n}" for n in range(100))
    await queue.add(f"new-{n}" for n in range(3))
    batch = await queue.take(20)
    assert list(batch)[:5] == ["new-2", "new-1", "new-0", "old-99", "old-98"]
    assert list(batch)[5:] == [f"old-{n}" for n in range(15)]
    assert len(queue) == 83


async def test_everything_has_its_turn_whatever_keeps_coming() -> None:
    queue = FairQueue(1)
    await queue.add(["old"])
    for number in range(10):
        await queue.add(f"new-{number}-{n}" for n in range(20))
        if "old" in await queue.take(8):
            return
    pytest.fail("the oldest never had its turn")


async def test_asking_twice_waits_for_one_attempt() -> None:
    queue = FairQueue(1)
    first, second = await queue.add(["a"]), await queue.add(["a"])
    assert first == second
    assert len(queue) == 1


def test_quick_sources_come_first_and_slow_ones_apart() -> None:
    queue = FairQueue(2)
    for seconds in (SLOW_SECONDS * 2, SLOW_SECONDS * 3):
        queue.note_mapping("slow", seconds)
    for seconds in (0.001, SLOW_SECONDS * 9):  # once, the machine was busy
        queue.note_mapping("quick", seconds)
    quick, slow = queue.by_speed([claimed("slow"), claimed("quick", 2), claimed("quick", 1)])
    assert [one.id for one in quick] == ["quick-1", "quick-2"]
    assert [one.id for one in slow] == ["slow-0"]


def test_slow_sources_never_have_all_loops() -> None:
    queue = FairQueue(2)
    with queue.slow_slot() as is_free, queue.slow_slot() as is_second_free:
        assert is_free
        assert not is_second_free
    with queue.slow_slot() as is_free:
        assert is_free
    with FairQueue(1).slow_slot() as is_free:
        assert is_free, "with one loop there is no other to keep free"


async def test_slow_deliveries_of_seconds_each_leave_other_sources_their_latency(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "SLOW_PAUSE_SECONDS", 0.2)
    settler = await workshop.settler(FakeMappings())
    learnt = [body(bill(f"learnt-{n}"), takes_seconds=0.4) for n in range(2)]
    await settler.settle(await workshop.post(*learnt, source="slow"))
    slow = await workshop.post(
        *(body(bill(f"slow-{n}"), takes_seconds=2.5) for n in range(2)), source="slow"
    )
    working = [asyncio.create_task(settler.settle([one])) for one in slow]
    await asyncio.sleep(0.2)
    for number in range(3):
        quick = await workshop.post(body(bill(f"quick-{number}")), source="quick")
        async with asyncio.timeout(1.5):
            await settler.settle(quick)
        assert (await workshop.delivery(quick[0])).state == "recorded"
    assert not all(one.done() for one in working)
    await asyncio.gather(*working)


async def test_of_a_long_backlog_the_last_are_swept_with_the_first(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "SWEEP", 5)
    monkeypatch.setattr(sweeper, "FRESH", 2)
    monkeypatch.setattr(sweeper, "ROUND_SECONDS", 0.3)
    ids = await workshop.post(*(body(bill(f"key-{n}")) for n in range(20)))
    await workshop.make_due(*ids)
    for number, one in enumerate(ids):
        await workshop.run(
            "UPDATE deliveries SET next_attempt_at = :at WHERE id = :id",
            id=one,
            at=_due(workshop, number),
        )
    asked: list[list[str]] = []

    class Stuck:
        """A settler whose attempts take longer than a round."""

        waiting = 0

        async def settle(self, wanted: dict[str, None]) -> None:
            asked.append(list(wanted))
            await asyncio.sleep(10)

    sweeping = sweeper_of(workshop, Stuck())
    for _ in range(4):
        assert not await sweeping._sweep(0)
    first = [wanted[:5] for wanted in asked]
    assert first == [ids[0:5], ids[5:10], ids[10:15], ids[15:20]], "each behind the last"
    assert all(wanted[-2:] == ids[-2:] for wanted in asked), "and the last ones with each"
    for _ in range(2):
        assert not await sweeping._sweep(0)
    assert asked[-1][:5] == ids[0:5], "it starts over at the end"


def sweeper_of(workshop: Workshop, settler: object) -> sweeper.Sweeper:
    """One that sweeps to this settler."""
    return sweeper.Sweeper(workshop.database, cast("Settler", settler))


def _due(workshop: Workshop, number: int) -> object:
    at = datetime(2026, 3, 1, 12, 0, number, tzinfo=UTC)
    return at.strftime("%Y-%m-%d %H:%M:%S.%f") if workshop.database.is_sqlite else at


async def test_with_many_waiting_here_no_more_are_taken_up(workshop: Workshop) -> None:
    await workshop.post(body(bill("key")))

    class Full:
        waiting = sweeper.WAITING + 1

        async def settle(self, _ids: object) -> None:
            pytest.fail("it was asked to settle more")

    assert not await sweeper_of(workshop, Full())._sweep(0)
