"""Corrections in steps: cut off, beside each other and beside all that settles, rehearsed."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from jobs.corrections import request as wishes, runner
from jobs.corrections.request import CorrectionRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import correct, rehearse
from jobs.filters import DeliveryFilter
from jobs.storage.schema import (
    actions,
    outcomes,
)
from tests.jobs.builders import at
from tests.jobs.desk import ALL, Desk
from tests.jobs.doubles import bill, body, undo


async def test_bringing_back_that_is_cut_off_is_carried_on_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first commit, of which was never heard, and before the second."""
    monkeypatch.setattr(wishes, "STEP", 2)
    ids = await desk.settle(*(bill(f"k{number}") for number in range(5)))
    await desk.reverse()
    steps, original = iter([ConnectionResetError, None, LookupError]), runner._Run._step

    async def step(self: Any, *args: Any) -> Any:
        error = next(steps, None)
        if error is LookupError:
            raise error
        decided = await original(self, *args)
        if error is not None:
            raise error
        return decided

    monkeypatch.setattr(runner._Run, "_step", step)
    with pytest.raises(LookupError):
        await desk.reinstate(*ids)
    assert len(await desk.workshop.open_micros()) == 2
    done = await desk.reinstate(*ids)
    assert (done.corrected, done.unchanged) == (3, 2)
    ledgers = await desk.workshop.ledgers()
    billed = [990_000, -990_000, 990_000]
    assert all([line.micros for line in ledger] == billed for ledger in ledgers.values())
    assert await desk.faults([f"k{number}" for number in range(5)]) == []


@pytest.mark.parametrize("rebill", [False, True], ids=["reversed", "rebilled"])
async def test_a_run_that_is_cut_off_is_carried_on_by_the_next(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, *, rebill: bool
) -> None:
    monkeypatch.setattr(wishes, "STEP", 2)
    await desk.settle(*(bill(f"k{number}") for number in range(7)))
    desk.fake.micros = 30
    request = desk.request(ALL, rebill=rebill)

    def cut(done: int) -> None:
        if done == 4:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await correct(desk.workshop.database, request, actor="t", note="n", on_step=cut)
    acts = await desk.workshop.all(select(actions).order_by(actions.c.id))
    assert [act.count for act in acts] == [2, 2]
    assert {act.detail["run"] for act in acts} == {acts[0].id}
    done = await correct(
        desk.workshop.database, desk.request(ALL, rebill=rebill), actor="t", note="n"
    )
    assert (done.corrected, done.unchanged) == (3, 4 if rebill else 0)
    ledgers = await desk.workshop.ledgers()
    billed = [990_000, -990_000, 30] if rebill else [990_000, -990_000]
    assert all([line.micros for line in ledger] == billed for ledger in ledgers.values())
    assert len(ledgers) == 7


async def test_two_people_at_once_and_a_worker_correct_each_charge_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wishes, "STEP", 5)
    charges = [bill(f"k{number}") for number in range(40)]
    await desk.settler.settle(await desk.workshop.post(*(body(one) for one in charges)))
    copies = await desk.workshop.post(*(body(one) for one in charges))

    async def person() -> CorrectionResult:
        database = desk.workshop.new_database()
        return await correct(database, CorrectionRequest(where=ALL), actor="t", note="n")

    first, second, _ = await asyncio.gather(person(), person(), desk.settler.settle(copies))
    assert first.corrected + second.corrected == 40
    ledgers = await desk.workshop.ledgers()
    assert all([line.micros for line in one] == [990_000, -990_000] for one in ledgers.values())
    assert await desk.workshop.count(outcomes) == 40 * 3


@pytest.mark.parametrize("way", ["reverse", "rebill"])
async def test_a_step_whose_commit_was_not_heard_of_is_made_once_and_the_next_ones_follow(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """The connection may be lost between COMMIT and its answer."""
    monkeypatch.setattr(wishes, "STEP", 1)
    await desk.settle(*(bill(key) for key in "abc"))
    desk.fake.micros = 30
    unheard = iter([True])
    original = runner._Run._step

    async def step(self: Any, *args: Any) -> Any:
        decided = await original(self, *args)
        if next(unheard, False):
            raise ConnectionResetError
        return decided

    monkeypatch.setattr(runner._Run, "_step", step)
    done = await (desk.reverse() if way == "reverse" else desk.rebill())
    assert (done.corrected, done.unchanged) == (2, 1)
    made = await desk.workshop.all(select(actions).order_by(actions.c.id))
    assert [one.count for one in made] == [1, 1, 1]
    assert {one.detail["run"] for one in made} == {done.id}
    assert await desk.faults(["a", "b", "c"]) == []


@pytest.mark.parametrize("rebill", [False, True], ids=["reversed", "rebilled"])
async def test_the_correction_then_does_what_the_dry_run_showed(
    desk: Desk, *, rebill: bool
) -> None:
    ids = await desk.settle(bill("a"), bill("b", micros=30), bill("gone"))
    await desk.workshop.run("UPDATE deliveries SET body = NULL WHERE id = :id", id=ids[2])
    desk.fake.micros = 30
    before = await desk.counts()
    request = desk.request(ALL, rebill=rebill)
    would = (await rehearse(desk.workshop.database, request)).as_json()
    assert await desk.counts() == before
    did = await correct(desk.workshop.database, request, actor="t", note="n")
    assert did.corrected == (1 if rebill else 3)
    assert {**would, "id": did.id} == did.as_json()


@pytest.mark.parametrize("state", ["recorded", "failed"])
async def test_a_replay_after_corrections_changes_no_total_and_compares_what_is_in_force(
    desk: Desk, state: str
) -> None:
    ids = await desk.settle(
        *(bill(key, at=at(1)) for key in "abc"), bill("late", at=at(1), micros=5), undo("d")
    )
    await desk.reverse(ids[0])
    desk.fake.micros = 30
    await desk.rebill(ids[1], ids[3])
    before = await desk.totals()
    where = DeliveryFilter(state=state)
    status = await desk.workshop.replay(desk.settler, desk.fake, where)
    assert status.failed == 0
    assert await desk.totals() == before
    # The mapping gives 30 for all: what was billed again agrees, the others were billed before.
    differing = {one["delivery"] for one in status.differences}
    assert differing == ({ids[0], ids[2]} if state == "recorded" else set())
