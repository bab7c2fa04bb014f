"""Corrections by hand before and after their customer is erased."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import select

from jobs.corrections import runner
from jobs.privacy.purge import purge, survey
from jobs.storage.schema import actions, billing_events, outcomes
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill
from tests.jobs.workshop import Workshop

KEY = '["crm","resolved","acme","1"]'


@pytest.fixture
async def desk(workshop: Workshop) -> Desk:
    fake = FakeMappings()
    return Desk(workshop, fake, await workshop.settler(fake))


async def erased(desk: Desk) -> str:
    """The customer is erased; its pseudonym."""
    database = desk.workshop.database
    report = await purge(database, "acme", await survey(database, "acme"), actor="test")
    return report.pseudonym or ""


async def test_what_was_billed_again_and_taken_back_is_erased_with_the_rest(desk: Desk) -> None:
    ids = await desk.settle(bill(KEY, tags={"mail": "zoe"}))
    desk.fake.micros = 30
    await desk.rebill(*ids)
    await desk.reverse(*ids)
    before = await desk.totals()
    stand_in = await erased(desk)
    assert await desk.totals() == {stand_in: before["acme"]}
    for table in (outcomes, billing_events):
        rows = await desk.workshop.all(select(table))
        assert {row.customer_id for row in rows} == {stand_in}
        assert {row.outcome_key for row in rows} == {KEY.replace("acme", stand_in)}
        assert [row.meta_tags for row in rows] == [{}] * len(rows)


async def test_a_charge_of_an_erased_customer_can_be_taken_back_and_not_billed_again(
    desk: Desk,
) -> None:
    """Its body is gone, and with it what could say what is right."""
    ids = await desk.settle(bill(KEY))
    stand_in = await erased(desk)
    desk.fake.micros = 30
    again = await desk.rebill(*ids)
    assert (again.corrected, again.refused) == (0, 1)
    assert "receiver purge" in again.refusals[0]["reason"]
    assert (await desk.reverse(*ids)).corrected == 1
    assert await desk.totals() == {stand_in: (0, 2)}
    assert "acme" not in str(await desk.workshop.all(select(actions)))


@pytest.mark.parametrize("way", ["reverse", "rebill"])
async def test_a_correction_that_looked_before_the_purge_writes_nothing_under_the_id(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ids = await desk.settle(bill(KEY))
    desk.fake.micros = 30
    stand_in: list[str] = []
    original = runner._Run._step

    async def then_step(self: Any, *args: Any) -> Any:
        if not stand_in:
            stand_in.append(await erased(desk))
        return await original(self, *args)

    monkeypatch.setattr(runner._Run, "_step", then_step)
    await (desk.reverse(*ids) if way == "reverse" else desk.rebill(*ids))
    assert set(await desk.totals()) == set(stand_in)
