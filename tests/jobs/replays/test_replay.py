from __future__ import annotations

import time
from typing import Any

import pytest
from sqlalchemy import select

from jobs.common.errors import FilterInvalid
from jobs.filters import DeliveryFilter
from jobs.replays import runner as replay_runner
from jobs.replays.replay import discard, replay_status, start_replay
from jobs.storage.schema import (
    actions,
    billing_events,
    deliveries,
    outcomes,
)
from tests.jobs.doubles import FakeMappings, bill, body, incoming, needing, undo
from tests.jobs.replays.failed import RECORDED, UNPRICED, some_failed
from tests.jobs.workshop import Workshop


async def test_what_failed_is_recorded_once_it_is_fixed(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    await some_failed(workshop, fake)
    fake.knows.add("a price")
    status = await workshop.replay(settler, fake, UNPRICED)
    assert (status.state, status.matched, status.done) == ("done", 10, 10)
    assert (status.recorded, status.ignored, status.failed, status.unchanged) == (10, 0, 0, 0)
    assert await workshop.states() == {"recorded": 10}
    assert len(await workshop.open_micros()) == 10
    assert await workshop.is_balanced()


async def test_what_still_fails_is_failed_again_and_can_be_replayed_again(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake)
    for _ in range(7):
        status = await workshop.replay(settler, fake, UNPRICED)
        assert (status.state, status.failed) == ("done", 10)
    row = await workshop.delivery(ids[0])
    assert (row.reason, row.attempts) == ("unpriced", 1)


async def test_replaying_again_finds_nothing_more(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake)
    fake.knows.add("a price")
    await workshop.replay(settler, fake, UNPRICED)
    for where in (UNPRICED, DeliveryFilter(ids=tuple(ids))):
        status = await workshop.replay(settler, fake, where)
        assert (status.state, status.matched, status.done) == ("done", 0, 0)
    assert await workshop.count(billing_events) == 10


async def test_replaying_what_is_recorded_posts_nothing(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(body(bill("a"), bill("b")), body(bill("a")), body(undo("b")))
    await settler.settle(ids)
    before = await workshop.ledgers()
    recorded = await workshop.count(outcomes)
    for _ in range(3):
        status = await workshop.replay(settler, fake, RECORDED)
        assert (status.matched, status.done, status.unchanged) == (3, 3, 3)
        assert status.differences == []
    assert await workshop.ledgers() == before
    assert await workshop.count(outcomes) == recorded
    assert await workshop.states() == {"recorded": 3}


def edit(fake: FakeMappings, change: str) -> None:
    if change == "key":
        fake.suffix = "-edited"
    elif change == "amount":
        fake.micros = 2_000_000
    elif change == "triple":
        fake.customer = "globex"
    elif change == "rule gone":
        fake.silent = True


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
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(body(bill("a")), body(bill("a")), body(undo("a")))
    await settler.settle(ids)
    before = await workshop.ledgers()
    edit(fake, change)
    status = await workshop.replay(settler, fake, RECORDED)
    assert (status.unchanged, status.recorded) == (3, 0)
    found = [(one["billed"], one["would_bill"]) for one in status.differences]
    assert found == CHANGES[change]
    assert [one["delivery"] for one in status.differences] == ids[: len(found)]
    assert {one["rule"] for one in status.differences} <= {"resolved", "reopened"}
    assert await workshop.ledgers() == before
    assert await workshop.states() == {"recorded": 3}


async def test_a_recorded_delivery_that_would_fail_now_differs_in_all(workshop: Workshop) -> None:
    fake = FakeMappings()
    fake.knows.add("a price")
    settler = await workshop.settler(fake)
    await settler.settle(await workshop.post(body(bill("a"), needing("a price", bill("b")))))
    fake.knows.clear()
    status = await workshop.replay(settler, fake, RECORDED)
    would = {"fails": "unpriced", "detail": "nothing is known of a price"}
    assert [one["would_bill"] for one in status.differences] == [would, would]
    assert await workshop.states() == {"recorded": 1}


async def test_an_outcome_that_is_new_shows_as_a_difference(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.post(body(bill("a")))
    await settler.settle(ids)
    await workshop.run(
        "UPDATE deliveries SET body = :body", body=body(bill("a"), bill("b", micros=5_000_000))
    )
    status = await workshop.replay(settler, fake, RECORDED)
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
    fake = FakeMappings()
    fake.knows.add("the way out")
    settler = await workshop.settler(fake)
    await settler.settle(await workshop.post(body(bill("a"), bug="the way out"), body(bill("b"))))
    fake.knows.clear()
    status = await workshop.replay(settler, fake, RECORDED)
    assert (status.state, status.unchanged) == ("done", 2)
    assert [one["would_bill"]["fails"] for one in status.differences] == ["internal"]


async def test_a_delivery_that_breaks_in_a_replay_ends_it_as_failed(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake, 1)
    await workshop.run(
        "UPDATE deliveries SET body = :body", body=body(bill("a"), bug="an index out of range")
    )
    started = await start_replay(workshop.database, UNPRICED, actor="test")
    runner = workshop.runner(settler, fake)
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
    fake = FakeMappings()
    fake.silent = True
    settler = await workshop.settler(fake)
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(4)))
    await settler.settle(ids)
    await discard(workshop.database, DeliveryFilter(ids=tuple(ids[:2])), actor="me", note="spam")
    assert await workshop.states() == {"ignored": 2, "discarded": 2}
    fake.silent = False
    everything = DeliveryFilter(source="crm")
    assert (await workshop.replay(settler, fake, everything)).matched == 0
    for state in ("ignored", "discarded"):
        status = await workshop.replay(settler, fake, DeliveryFilter(state=state))
        assert (status.matched, status.recorded) == (2, 2)
    assert await workshop.states() == {"recorded": 4}


async def test_a_reused_id_is_released_as_a_delivery_of_its_own(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await workshop.accept(
        incoming(body(bill(key)), vendor_id="evt-1") for key in ("first", "second")
    )
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 1, "failed": 1}
    status = await workshop.replay(settler, fake, DeliveryFilter(reason="id-reused"))
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
    fake = FakeMappings()
    await some_failed(workshop, fake)
    started = await start_replay(workshop.database, UNPRICED, actor="ada", note="fixed", limit=4)
    (action,) = await workshop.all(select(actions))
    assert (action.kind, action.actor, action.note, action.count) == ("replay", "ada", "fixed", 4)
    assert action.filter == {"reason": "unpriced", "state": "failed"}
    assert action.detail == {"replay": started.id}


async def test_a_limit_takes_the_first_received(workshop: Workshop) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    ids = await some_failed(workshop, fake)
    fake.knows.add("a price")
    status = await workshop.replay(settler, fake, UNPRICED, limit=3)
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
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    events = [needing("a price", bill("key", micros=10 + number)) for number in range(10)]
    ids = await workshop.post(*map(body, events))
    await settler.settle(ids)
    fake.knows.add("a price")
    await workshop.replay(settler, fake, UNPRICED)
    rows = await workshop.all(select(outcomes.c.delivery_id).order_by(outcomes.c.ordinal))
    assert [row.delivery_id for row in rows] == ids
    assert await workshop.open_micros() == {"key": 10}


async def test_five_thousand_are_replayed_within_bounds(on_sqlite: Workshop) -> None:
    fake = FakeMappings()
    settler = await on_sqlite.settler(fake)
    await some_failed(on_sqlite, fake, 5_000)
    fake.knows.add("a price")
    started = time.monotonic()
    status = await on_sqlite.replay(settler, fake, UNPRICED)
    assert (status.state, status.recorded) == ("done", 5_000)
    again = await on_sqlite.replay(settler, fake, RECORDED)
    assert (again.state, again.unchanged) == ("done", 5_000)
    assert time.monotonic() - started < 60
