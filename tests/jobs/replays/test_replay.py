from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import select

from jobs.common.errors import FilterInvalid
from jobs.filters import DeliveryFilter
from jobs.replays import runner as replay_runner
from jobs.replays.replay import discard, replay_status, start_replay
from jobs.storage import batching
from jobs.storage.schema import (
    actions,
    billing_events,
    deliveries,
    outcomes,
    replay_items,
    replays,
)
from tests.jobs.doubles import Telling, bill, body, incoming, needing, undo
from tests.jobs.workshop import Workshop

UNPRICED = DeliveryFilter(reason="unpriced")
RECORDED = DeliveryFilter(state="recorded")


async def some_failed(workshop: Workshop, telling: Telling, count: int = 10) -> list[str]:
    """Deliveries that fail until `telling` knows a price; each holds a key of its own."""
    events = [needing("a price", bill(f"key-{number}")) for number in range(count)]
    ids = await workshop.post(*map(body, events))
    await (await workshop.settler(telling)).settle(ids)
    assert await workshop.states() == {"failed": count}
    return ids


async def test_what_failed_is_recorded_once_it_is_mended(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    await some_failed(workshop, telling)
    telling.knows.add("a price")
    status = await workshop.replay(settler, telling, UNPRICED)
    assert (status.state, status.matched, status.done) == ("done", 10, 10)
    assert (status.recorded, status.ignored, status.failed, status.unchanged) == (10, 0, 0, 0)
    assert await workshop.states() == {"recorded": 10}
    assert len(await workshop.open_micros()) == 10
    assert await workshop.is_balanced()


async def test_what_still_fails_is_failed_again_and_can_be_replayed_again(
    workshop: Workshop,
) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling)
    for _ in range(7):
        status = await workshop.replay(settler, telling, UNPRICED)
        assert (status.state, status.failed) == ("done", 10)
    row = await workshop.delivery(ids[0])
    assert (row.reason, row.attempts) == ("unpriced", 1)


async def test_replaying_again_finds_nothing_more(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling)
    telling.knows.add("a price")
    await workshop.replay(settler, telling, UNPRICED)
    for where in (UNPRICED, DeliveryFilter(ids=tuple(ids))):
        status = await workshop.replay(settler, telling, where)
        assert (status.state, status.matched, status.done) == ("done", 0, 0)
    assert await workshop.count(billing_events) == 10


async def test_replaying_what_is_recorded_posts_nothing(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await workshop.post(body(bill("a"), bill("b")), body(bill("a")), body(undo("b")))
    await settler.settle(ids)
    before = await workshop.ledgers()
    said = await workshop.count(outcomes)
    for _ in range(3):
        status = await workshop.replay(settler, telling, RECORDED)
        assert (status.matched, status.done, status.unchanged) == (3, 3, 3)
        assert status.differences == []
    assert await workshop.ledgers() == before
    assert await workshop.count(outcomes) == said
    assert await workshop.states() == {"recorded": 3}


def edit(telling: Telling, change: str) -> None:
    if change == "key":
        telling.suffix = "-edited"
    elif change == "amount":
        telling.micros = 2_000_000
    elif change == "triple":
        telling.customer = "globex"
    elif change == "rule gone":
        telling.silent = True


SIDE = {
    "outcome_key": "a",
    "kind": "charge",
    "agent_id": "agent",
    "customer_id": "acme",
    "indicator": "resolved",
    "amount": "0.99",
    "currency": "USD",
}
REVERSAL = {
    "outcome_key": "a",
    "kind": "reversal",
    "agent_id": None,
    "customer_id": None,
    "indicator": None,
    "amount": None,
    "currency": None,
}
#: What an edit changes of a charge, of its duplicate and of its reversal: None for no difference.
CHANGES: dict[str, list[tuple[dict[str, Any], dict[str, Any] | None]]] = {
    "key": [
        (SIDE, {**SIDE, "outcome_key": "a-edited"}),
        (SIDE, {**SIDE, "outcome_key": "a-edited"}),
        (REVERSAL, {**REVERSAL, "outcome_key": "a-edited"}),
    ],
    "amount": [(SIDE, {**SIDE, "amount": "2.00"})],
    "triple": [
        (SIDE, {**SIDE, "customer_id": "globex"}),
        (SIDE, {**SIDE, "customer_id": "globex"}),
    ],
    "rule gone": [(SIDE, None), (SIDE, None), (REVERSAL, None)],
}


@pytest.mark.parametrize("change", CHANGES)
async def test_an_edit_shows_as_differences_and_changes_no_total(
    workshop: Workshop, change: str
) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await workshop.post(body(bill("a")), body(bill("a")), body(undo("a")))
    await settler.settle(ids)
    before = await workshop.ledgers()
    edit(telling, change)
    status = await workshop.replay(settler, telling, RECORDED)
    assert (status.unchanged, status.recorded) == (3, 0)
    found = [(one["billed"], one["would_bill"]) for one in status.differences]
    assert found == CHANGES[change]
    assert [one["delivery"] for one in status.differences] == ids[: len(found)]
    assert {one["rule"] for one in status.differences} <= {"resolved", "reopened"}
    assert await workshop.ledgers() == before
    assert await workshop.states() == {"recorded": 3}


async def test_a_recorded_delivery_that_would_fail_now_differs_in_all(workshop: Workshop) -> None:
    telling = Telling()
    telling.knows.add("a price")
    settler = await workshop.settler(telling)
    await settler.settle(await workshop.post(body(bill("a"), needing("a price", bill("b")))))
    telling.knows.clear()
    status = await workshop.replay(settler, telling, RECORDED)
    would = {"fails": "unpriced", "detail": "nothing is known of a price"}
    assert [one["would_bill"] for one in status.differences] == [would, would]
    assert await workshop.states() == {"recorded": 1}


async def test_an_outcome_that_is_new_shows_as_a_difference(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await workshop.post(body(bill("a")))
    await settler.settle(ids)
    await workshop.run(
        "UPDATE deliveries SET body = :body", body=body(bill("a"), bill("b", micros=5_000_000))
    )
    status = await workshop.replay(settler, telling, RECORDED)
    (difference,) = status.differences
    assert difference["billed"] is None
    assert (difference["would_bill"]["outcome_key"], difference["would_bill"]["amount"]) == (
        "b",
        "5.00",
    )
    assert await workshop.count(billing_events) == 1


async def test_a_bug_met_in_a_recorded_delivery_is_a_difference_and_holds_up_no_replay(
    workshop: Workshop,
) -> None:
    telling = Telling()
    telling.knows.add("the way out")
    settler = await workshop.settler(telling)
    await settler.settle(await workshop.post(body(bill("a"), bug="the way out"), body(bill("b"))))
    telling.knows.clear()
    status = await workshop.replay(settler, telling, RECORDED)
    assert (status.state, status.unchanged) == ("done", 2)
    assert [one["would_bill"]["fails"] for one in status.differences] == ["internal"]


async def test_a_delivery_that_breaks_in_a_replay_ends_it_as_failed(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling, 1)
    await workshop.run(
        "UPDATE deliveries SET body = :body", body=body(bill("a"), bug="an index out of range")
    )
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    runner = workshop.runner(settler, telling)
    for _ in range(5):
        await runner.advance()
        await settler.settle(ids)
        await workshop.make_due(*ids)
    await runner.advance()
    assert (await workshop.delivery(ids[0])).reason == "internal"
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.done, status.failed) == ("done", 1, 1)


async def test_ignored_and_discarded_deliveries_are_replayed_when_they_are_named(
    workshop: Workshop,
) -> None:
    telling = Telling()
    telling.silent = True
    settler = await workshop.settler(telling)
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(4)))
    await settler.settle(ids)
    await discard(workshop.database, DeliveryFilter(ids=tuple(ids[:2])), actor="me", note="spam")
    assert await workshop.states() == {"ignored": 2, "discarded": 2}
    telling.silent = False
    everything = DeliveryFilter(source="crm")
    assert (await workshop.replay(settler, telling, everything)).matched == 0
    for state in ("ignored", "discarded"):
        status = await workshop.replay(settler, telling, DeliveryFilter(state=state))
        assert (status.matched, status.recorded) == (2, 2)
    assert await workshop.states() == {"recorded": 4}


async def test_a_reused_id_is_released_as_a_delivery_of_its_own(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await workshop.accept(
        incoming(body(bill(key)), vendor_id="evt-1") for key in ("first", "second")
    )
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 1, "failed": 1}
    status = await workshop.replay(settler, telling, DeliveryFilter(reason="id-reused"))
    assert (status.matched, status.recorded) == (1, 1)
    assert await workshop.open_micros() == {"first": 990_000, "second": 990_000}
    repeat = await workshop.inbox.accept(incoming(body(bill("second")), vendor_id="evt-1"))
    assert (repeat.delivery_id, repeat.duplicate) == (ids[1], True)
    assert await workshop.states() == {"recorded": 2}
    assert await workshop.is_balanced()


REFUSED = {
    "nothing at all": (DeliveryFilter(), "name what to replay"),
    "what is on its way already": (DeliveryFilter(state="received"), "cannot be replayed"),
    "a state that does not exist": (DeliveryFilter(state="lost"), "recorded, discarded"),
}


@pytest.mark.parametrize(("where", "message"), REFUSED.values(), ids=REFUSED.keys())
async def test_a_replay_of_this_is_refused(
    workshop: Workshop, where: DeliveryFilter, message: str
) -> None:
    with pytest.raises(FilterInvalid, match=message):
        await start_replay(workshop.database, where, actor="test")
    assert await workshop.count(actions) == 0


async def test_a_replay_that_does_not_exist_has_no_status(workshop: Workshop) -> None:
    assert await replay_status(workshop.database, "nothing") is None


async def test_a_replay_is_written_down_with_who_asked(workshop: Workshop) -> None:
    telling = Telling()
    await some_failed(workshop, telling)
    started = await start_replay(workshop.database, UNPRICED, actor="ada", note="fixed", limit=4)
    (action,) = await workshop.all(select(actions))
    assert (action.kind, action.actor, action.note, action.count) == ("replay", "ada", "fixed", 4)
    assert action.filter == {"reason": "unpriced", "state": "failed"}
    assert action.detail == {"replay": started.id}


async def test_a_limit_takes_the_first_received(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling)
    telling.knows.add("a price")
    status = await workshop.replay(settler, telling, UNPRICED, limit=3)
    assert (status.matched, status.recorded) == (3, 3)
    rows = await workshop.all(
        select(deliveries.c.id).where(deliveries.c.state == "recorded").order_by(deliveries.c.id)
    )
    assert {row.id for row in rows} == set(ids[:3])


async def test_a_replay_settles_in_the_order_of_receipt(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At one mapped time the first recorded stands; steps are smaller than the replay."""
    monkeypatch.setattr(replay_runner, "STEP", 3)
    telling = Telling()
    settler = await workshop.settler(telling)
    events = [needing("a price", bill("key", micros=10 + number)) for number in range(10)]
    ids = await workshop.post(*map(body, events))
    await settler.settle(ids)
    telling.knows.add("a price")
    await workshop.replay(settler, telling, UNPRICED)
    said = await workshop.all(select(outcomes.c.delivery_id).order_by(outcomes.c.ordinal))
    assert [row.delivery_id for row in said] == ids
    assert await workshop.open_micros() == {"key": 10}


async def test_five_thousand_are_replayed_within_bounds(on_sqlite: Workshop) -> None:
    telling = Telling()
    settler = await on_sqlite.settler(telling)
    await some_failed(on_sqlite, telling, 5_000)
    telling.knows.add("a price")
    started = time.monotonic()
    status = await on_sqlite.replay(settler, telling, UNPRICED)
    assert (status.state, status.recorded) == ("done", 5_000)
    again = await on_sqlite.replay(settler, telling, RECORDED)
    assert (again.state, again.unchanged) == ("done", 5_000)
    assert time.monotonic() - started < 60


class Interrupted(Exception):
    """The worker ends here."""


async def test_a_replay_goes_on_where_a_killed_worker_left_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runner, "STEP", 4)
    telling = Telling()
    first, second = await workshop.settler(telling), await workshop.settler(telling)
    await some_failed(workshop, telling, 20)
    telling.knows.add("a price")
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
        await workshop.runner(first, telling).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.done) == ("running", 8)
    assert await workshop.states() == {"recorded": 8, "received": 4, "failed": 8}
    runner = workshop.runner(second, telling)
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
    telling = Telling()
    settlers = [await workshop.settler(telling) for _ in range(2)]
    await some_failed(workshop, telling, 60)
    recorded = await workshop.post(*(body(bill(f"other-{number}")) for number in range(10)))
    await settlers[0].settle(recorded)
    telling.knows.add("a price")
    started = [
        await start_replay(workshop.database, where, actor="test") for where in (UNPRICED, RECORDED)
    ]
    runners = [workshop.runner(settler, telling) for settler in settlers]
    await asyncio.gather(*(runner.advance() for runner in runners))
    await runners[0].advance()
    found = [await replay_status(workshop.database, one.id) for one in started]
    assert [(one.state, one.done) for one in found if one] == [("done", 60), ("done", 10)]
    assert await workshop.states() == {"recorded": 70}
    assert await workshop.count(billing_events) == 70


async def test_two_replays_of_the_same_deliveries_bill_them_once(workshop: Workshop) -> None:
    telling = Telling()
    settlers = [await workshop.settler(telling) for _ in range(2)]
    await some_failed(workshop, telling, 30)
    telling.knows.add("a price")
    started = [await start_replay(workshop.database, UNPRICED, actor="test") for _ in range(2)]
    await asyncio.gather(*(workshop.runner(one, telling).advance() for one in settlers))
    await workshop.runner(settlers[0], telling).advance()
    for one in started:
        status = await replay_status(workshop.database, one.id)
        assert status is not None
        assert (status.state, status.done, status.failed) == ("done", 30, 0)
    assert await workshop.count(billing_events) == 30


async def test_a_delivery_that_a_repeat_woke_meanwhile_is_settled_for_the_replay_too(
    workshop: Workshop,
) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    post = incoming(body(needing("a price", bill("key"))))
    await settler.settle(await workshop.accept([post]))
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    await workshop.inbox.accept(post)
    assert await workshop.states() == {"received": 1}
    telling.knows.add("a price")
    await workshop.runner(settler, telling).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded) == ("done", 1)


async def test_what_was_discarded_meanwhile_stays_discarded(workshop: Workshop) -> None:
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling, 2)
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    await discard(workshop.database, DeliveryFilter(ids=(ids[0],)), actor="me", note="spam")
    telling.knows.add("a price")
    await workshop.runner(settler, telling).advance()
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded, status.unchanged) == ("done", 1, 1)
    assert await workshop.states() == {"recorded": 1, "discarded": 1}


async def test_one_as_a_canary_does_not_wait_for_a_long_replay(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replay_runner, "STEP", 2)
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling, 40)
    telling.knows.add("a price")
    long = await start_replay(workshop.database, UNPRICED, actor="test")
    advancing = asyncio.create_task(workshop.runner(settler, telling).advance())
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
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await some_failed(workshop, telling, 6)
    telling.knows.add("a price")
    first = await start_replay(workshop.database, UNPRICED, actor="test", limit=4)
    second = await start_replay(workshop.database, DeliveryFilter(ids=tuple(ids[2:])), actor="test")
    await workshop.runner(settler, telling).advance()
    found = [await replay_status(workshop.database, one.id) for one in (first, second)]
    assert [(one.state, one.matched, one.done) for one in found if one] == [("done", 4, 4)] * 2
    assert [(one.recorded, one.unchanged) for one in found if one] == [(4, 0), (2, 2)]
    assert await workshop.states() == {"recorded": 6}
    assert await workshop.count(billing_events) == 6


async def test_a_replay_of_many_is_gathered_in_parts_and_noted_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STEP", 3)
    telling = Telling()
    ids = await some_failed(workshop, telling, 10)
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
    telling = Telling()
    settler = await workshop.settler(telling)
    await some_failed(workshop, telling, 10)
    monkeypatch.setattr(batching, "PAUSE_SECONDS", 3600)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(start_replay(workshop.database, UNPRICED, actor="test"), 1)
    telling.knows.add("a price")
    await workshop.runner(settler, telling).advance()
    assert await workshop.states() == {"failed": 10}
    assert await workshop.count(actions) == 0


async def test_bodies_are_compared_a_few_at_a_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "BODIES_BYTES", 1_000)
    telling = Telling()
    settler = await workshop.settler(telling)
    ids = await workshop.post(*(body(bill(f"key-{n}"), padding="x" * 400) for n in range(10)))
    await settler.settle(ids)
    held: list[int] = []
    load = batching.with_bodies

    async def watched(*arguments: Any) -> AsyncIterator[Any]:
        async for rows in load(*arguments):
            held.append(sum(len(row["body"]) for row in rows))
            yield rows

    monkeypatch.setattr(replay_runner, "with_bodies", watched)
    telling.micros = 2_000_000
    status = await workshop.replay(settler, telling, RECORDED)
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
    telling = Telling()
    settler = await workshop.settler(telling)
    await some_failed(workshop, telling, 10)
    telling.knows.add("a price")
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    settle = settler.settle

    async def put_off(_ids: Any) -> None:
        """Nothing is settled for now."""

    monkeypatch.setattr(settler, "settle", put_off)
    advancing = asyncio.create_task(workshop.runner(settler, telling).advance())
    await asyncio.sleep(1)
    assert await workshop.states() == {"received": 4, "failed": 6}
    monkeypatch.setattr(settler, "settle", settle)
    waiting = await workshop.all(select(deliveries.c.id).where(deliveries.c.state == "received"))
    await settler.settle([row.id for row in waiting])
    await advancing
    status = await replay_status(workshop.database, started.id)
    assert status is not None
    assert (status.state, status.recorded) == ("done", 10)
