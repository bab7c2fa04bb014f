"""A reversal by hand taken back by hand: the charge stands again, at its amount and day."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from jobs.audits.books import faults_of_keys
from jobs.audits.records import faults_of_corrections, faults_of_deliveries
from jobs.corrections import request as wishes
from jobs.corrections.charges import find_named
from jobs.corrections.request import ReinstatementRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import rehearse
from jobs.filters import ChargeFilter, DeliveryFilter
from jobs.queries.deliveries.evidence import read_delivery
from jobs.storage.schema import actions, billing_events, deliveries, outcomes
from tests.jobs.builders import at
from tests.jobs.desk import TO_COME, Desk
from tests.jobs.doubles import bill, undo
from tests.jobs.workshop import Workshop


async def _assert_sound(desk: Desk) -> None:
    """The service's own checks of its books find nothing."""
    keys = {row.outcome_key for row in await desk.workshop.all(select(outcomes.c.outcome_key))}
    made = [row.id for row in await desk.workshop.all(select(actions.c.id))]
    came = [row.id for row in await desk.workshop.all(select(deliveries.c.id))]
    async with desk.workshop.database.read() as connection:
        assert await faults_of_keys(connection, sorted(keys)) == []
        assert await faults_of_corrections(connection, made) == []
        assert await faults_of_deliveries(connection, came) == []


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
async def test_the_charge_stands_again_at_its_amount_and_day(
    desk: Desk, second: int | None
) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(second), micros=10, tags={"n": "1"}))
    old = await desk.open_line("key")
    await desk.reverse(delivery)
    desk.fake.micros = 99  # whatever prices say today
    done = await desk.reinstate(old.id)
    assert (done.kind, done.corrected, done.unchanged, done.refused) == ("reinstate", 1, 0, 0)
    assert done.amounts == [{"currency": "USD", "amount": "0.00001"}]
    new = await desk.open_line("key")
    same = ("agent_id", "customer_id", "indicator", "amount_micros", "currency", "occurred_at",
            "delivery_id", "event_index", "source", "meta_tags", "price_version")  # fmt: skip
    assert [getattr(new, name) for name in same] == [getattr(old, name) for name in same]
    assert (new.kind, new.sequence) == ("charge", 3)
    (recorded,) = await desk.workshop.all(
        select(outcomes).where(outcomes.c.kind == "reinstatement")
    )
    assert (recorded.verdict, recorded.rule, recorded.billing_event_id) == (
        "charged",
        "resolved",
        new.id,
    )
    acts = await desk.workshop.all(select(actions).order_by(actions.c.id))
    assert [(act.kind, act.count) for act in acts] == [("reverse", 1), ("reinstate", 1)]
    assert (acts[1].id, acts[1].filter) == (done.id, {"ids": [old.id]})
    assert recorded.action_id == done.id
    await _assert_sound(desk)


async def test_it_is_named_by_charge_reversal_delivery_key_or_what_was_done(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key"))
    for nth in range(5):
        done = await desk.reverse(delivery)
        line = await desk.open_line("key")
        one = str((line.reverses, line.id, delivery, "key", done.id)[nth])
        assert (await desk.reinstate(one)).corrected == 1
        again = await desk.reinstate(one)
        assert (again.corrected, again.unchanged, again.id) == (0, 1, None)
    assert (await desk.reverse(delivery)).corrected == 1
    assert await find_named(desk.workshop.database, ["nothing"]) == ({}, ["nothing"])
    await _assert_sound(desk)


async def test_all_that_one_command_took_back_is_brought_back_by_its_action(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "STEP", 2)
    await desk.settle(*(bill(f"k{number}") for number in range(5)))
    taken = await desk.reverse()
    assert taken.id is not None
    done = await desk.reinstate(taken.id)
    assert (done.corrected, done.refused) == (5, 0)
    noted = await desk.workshop.all(select(actions).where(actions.c.kind == "reinstate"))
    assert sorted(act.count for act in noted) == [1, 2, 2]
    assert {act.detail["run"] for act in noted} == {done.id}
    assert len(await desk.workshop.open_micros()) == 5


async def test_what_was_taken_back_is_rebilled_once_it_is_brought_back(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    old = (await desk.open_line("key")).id
    await desk.reverse(delivery)
    desk.fake.micros = 30
    assert (await desk.rebill(old)).refused == 1
    await desk.reinstate(old)
    assert (await desk.rebill(delivery)).corrected == 1
    assert await desk.ledger("key") == [990_000, -990_000, 990_000, -990_000, 30]
    assert (await desk.open_line("key")).occurred_at == at(1)
    await desk.reverse(delivery)
    await desk.reinstate(delivery)
    assert await desk.workshop.open_micros() == {"key": 30}
    await _assert_sound(desk)


async def test_what_a_vendor_took_back_stays_so(desk: Desk) -> None:
    ids = await desk.settle(bill("key", at=at(1)), undo("key", at=at(2)))
    line = await desk.open_line("key")
    before = await desk.counts()
    for one in (line.id, line.reverses, ids[0], "key"):
        done = await desk.reinstate(one)
        assert (done.corrected, done.unchanged, done.refused) == (0, 0, 1)
        assert f"delivery {ids[1]} took it back: only" in done.refusals[0]["reason"]
    assert await desk.counts() == before


@pytest.mark.parametrize("second", [2, TO_COME], ids=["before the person", "after the person"])
async def test_what_a_vendor_took_back_as_well_stays_so_whenever_it_is_heard_of(
    desk: Desk, second: int
) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    await desk.reverse(delivery)
    (late,) = await desk.settle(undo("key", at=at(second)))
    done = await desk.reinstate(delivery)
    assert f"delivery {late} took it back" in done.refusals[0]["reason"]
    assert await desk.workshop.open_micros() == {}
    await _assert_sound(desk)


@pytest.mark.parametrize("is_before", [True, False], ids=["before the person", "in between"])
async def test_what_a_vendor_took_back_meanwhile_is_taken_back_after_a_reinstatement_too(
    desk: Desk, *, is_before: bool
) -> None:
    """A reversal by hand that was undone hides no reversal of the vendor that comes late."""
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    await desk.reverse(delivery)
    between = datetime.now(UTC)
    await desk.reinstate(delivery)
    assert await desk.workshop.open_micros() == {"key": 990_000}
    (late,) = await desk.settle(undo("key", at=at(2) if is_before else between))
    assert await desk.workshop.open_micros() == {}
    (recorded,) = await desk.workshop.all(select(outcomes).where(outcomes.c.delivery_id == late))
    assert recorded.verdict == "reversed"
    done = await desk.reinstate(delivery)
    assert f"delivery {late} took it back" in done.refusals[0]["reason"]
    await _assert_sound(desk)


async def test_what_was_billed_again_since_is_not_brought_back(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1), micros=10))
    first = await desk.open_line("key")
    await desk.reverse(delivery)
    await desk.settle(bill("key", at=at(TO_COME), micros=20))
    second = await desk.open_line("key")
    done = await desk.reinstate(first.id)
    assert f"its outcome is billed by {second.id} by now" in done.refusals[0]["reason"]
    await desk.reverse(second.id)
    done = await desk.reinstate(first.id)
    assert f"{second.id} was taken back last" in done.refusals[0]["reason"]
    assert (await desk.reinstate(second.id)).corrected == 1
    assert await desk.workshop.open_micros() == {"key": 20}
    await _assert_sound(desk)


async def test_what_follows_in_time_decides_after_a_reinstatement(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key", at=at(1)))
    await desk.reverse(delivery)
    await desk.reinstate(delivery)
    await desk.settle(bill("key", at=at(1)))
    assert await desk.workshop.open_micros() == {"key": 990_000}
    await desk.settle(undo("key", at=at(TO_COME)))
    assert await desk.workshop.open_micros() == {}
    await desk.settle(bill("key", at=at(TO_COME + 1), micros=20))
    assert await desk.workshop.open_micros() == {"key": 20}
    await _assert_sound(desk)


async def test_a_charge_ahead_of_the_clock_is_brought_back_and_taken_back_again(desk: Desk) -> None:
    ahead = datetime.now(UTC) + timedelta(minutes=4)
    (delivery,) = await desk.settle(bill("key", at=ahead))
    charge = (await desk.open_line("key")).id
    for _ in range(3):
        assert (await desk.reverse(delivery)).corrected == 1
        assert (await desk.reinstate(charge)).corrected == 1
    assert (await desk.open_line("key")).occurred_at == ahead
    await _assert_sound(desk)


async def test_it_is_found_by_its_delivery_and_shown_with_it(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key"))
    await desk.reverse(delivery)
    await desk.reinstate(delivery)
    shown = await read_delivery(desk.workshop.database, delivery)
    assert shown is not None
    assert [one.kind for one in shown.outcomes] == ["charge", "reversal", "reinstatement"]
    assert {act.kind for act in shown.actions} == {"reverse", "reinstate"}
    assert sorted(line.sequence for line in shown.billing_events) == [1, 2, 3]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    where = ChargeFilter(rule="resolved", received_since=yesterday)
    assert (await desk.reverse(where=where)).corrected == 1


async def test_replaying_finds_no_difference_after_a_reinstatement(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key"))
    await desk.reverse(delivery)
    await desk.reinstate(delivery)
    before = await desk.totals()
    where = DeliveryFilter(state="recorded")
    status = await desk.workshop.replay(desk.settler, desk.fake, where)
    assert (status.unchanged, status.differences) == (1, [])
    assert await desk.totals() == before


async def test_the_dry_run_shows_what_is_done_then(desk: Desk) -> None:
    (delivery,) = await desk.settle(bill("key"))
    await desk.reverse(delivery)
    before = await desk.counts()
    named, _ = await find_named(desk.workshop.database, [delivery])
    would = (await rehearse(desk.workshop.database, ReinstatementRequest(named))).as_json()
    assert await desk.counts() == before
    did = await desk.reinstate(delivery)
    assert {**would, "id": did.id} == did.as_json()
    assert would["changes"][0]["billed"] is None
    assert would["changes"][0]["now"]["amount"] == "0.99"


async def test_two_people_bring_back_once_while_a_third_takes_back(desk: Desk) -> None:
    """Whichever comes first, each key's ledger alternates and its open charge is what is owed."""
    keys = [f"k{number}" for number in range(20)]
    ids = await desk.settle(*(bill(key) for key in keys))
    await desk.reverse(*ids)

    async def bring_back() -> CorrectionResult:
        other = Desk(Workshop(desk.workshop.url), desk.fake, desk.settler)
        async with other.workshop:
            return await other.reinstate(*ids)

    first, second, taken = await asyncio.gather(bring_back(), bring_back(), desk.reverse(*ids))
    brought = first.corrected + second.corrected
    lines = await desk.workshop.all(select(billing_events.c.kind))
    assert sum(line.kind == "charge" for line in lines) == len(keys) + brought
    assert len(await desk.workshop.open_micros()) == brought - taken.corrected
    await _assert_sound(desk)
    back: Any = await desk.reinstate(*ids)
    assert len(await desk.workshop.open_micros()) == len(keys) == back.corrected + back.unchanged
