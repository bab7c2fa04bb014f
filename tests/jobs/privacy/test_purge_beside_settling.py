"""A purge beside settling and comparing, and one that was cut off."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import select

from jobs.filters import DeliveryFilter
from jobs.privacy.guard import hold_off_purges, hold_off_settling, pseudonymize
from jobs.privacy.ledger import erase_from_ledger
from jobs.privacy.purge import survey
from jobs.settling import mapper
from jobs.storage.schema import (
    billing_events,
)
from tests.jobs.doubles import FakeMappings, bill, body, incoming
from tests.jobs.privacy.purging import everywhere, key, purged, settled
from tests.jobs.workshop import Workshop


async def test_settling_that_read_before_a_purge_is_waited_for(workshop: Workshop) -> None:
    """What it wrote under the id is then found: nothing stays behind."""
    await settled(workshop, body(bill(key("acme", "1"))))
    (late,) = await workshop.post(body(bill(key("acme", "2"))))
    settler = await workshop.settler()
    async with workshop.new_database().write() as connection:
        await hold_off_purges(workshop.database, connection)
        assert await pseudonymize(connection, {}) == {}
        erasing = asyncio.create_task(
            erase_from_ledger(workshop.new_database(), "acme", actor="ada", note=None)
        )
        await asyncio.sleep(0.3)
        assert not erasing.done()
    names, _found = await erasing
    await settler.settle([late])
    lines = await workshop.all(select(billing_events))
    assert {line.customer_id for line in lines} == {names.pseudonym}


async def test_settling_makes_way_for_a_purge_that_is_not_committed_yet(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And then knows of it: in between it holds no delivery, so that repeats are answered."""
    await settled(workshop, body(bill(key("acme", "1"))))
    post = incoming(body(bill(key("acme", "1"))), vendor_id="evt-2")
    (late,) = await workshop.accept([post])
    settler = await workshop.settler()
    changed, go_on = asyncio.Event(), asyncio.Event()
    note = "jobs.privacy.ledger._note"

    async def paused(*_: Any, **__: Any) -> None:
        changed.set()
        await go_on.wait()

    monkeypatch.setattr(note, paused)
    purging = asyncio.create_task(
        erase_from_ledger(workshop.new_database(), "acme", actor="ada", note=None)
    )
    await changed.wait()
    settling = asyncio.create_task(settler.settle([late]))
    await asyncio.sleep(0.3)
    assert (await workshop.delivery(late)).state == "received"
    if not workshop.database.is_sqlite:
        again = await asyncio.wait_for(workshop.inbox.accept(post), 1.5)
        assert again.duplicate
    go_on.set()
    await purging
    await settling
    await settler.attempts.release_interrupted()
    await workshop.make_due(late)
    await settler.settle([late])
    assert await workshop.verdicts(late) == ["duplicate"]
    assert await workshop.count(billing_events) == 1


async def test_a_long_purge_costs_no_delivery_an_attempt(on_postgres: Workshop) -> None:
    """However many workers take it up meanwhile. SQLite lets them not even begin."""
    workshop = on_postgres
    (one,) = await workshop.post(body(bill(key("acme", "1"))))
    settlers = [await workshop.settler() for _ in range(7)]
    async with workshop.new_database().write() as connection:
        await hold_off_settling(workshop.database, connection)
        for settler in settlers:
            await settler.settle([one])
            await settler.attempts.release_interrupted()
            await workshop.make_due(one)
    row = await workshop.delivery(one)
    assert (row.state, row.attempts) == ("received", 0)
    await settlers[0].settle([one])
    assert (await workshop.delivery(one)).state == "recorded"


async def test_a_comparison_under_way_writes_no_erased_id(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It mapped before the purge and writes its differences after it."""
    (one,) = await settled(workshop, body(bill(key("acme", "1"))))
    fake = FakeMappings()
    fake.micros = 3
    settler = await workshop.settler(fake)
    runner, mapped_now, report = workshop.runner(settler, fake), mapper.preview, []
    loop = asyncio.get_running_loop()

    def then_purged(*args: Any, **more: Any) -> Any:
        found = mapped_now(*args, **more)
        report.append(asyncio.run_coroutine_threadsafe(purged(workshop), loop).result(20))
        return found

    monkeypatch.setattr(mapper, "preview", then_purged)
    monkeypatch.setattr(workshop, "runner", lambda *_: runner)
    status = await workshop.replay(settler, fake, DeliveryFilter(ids=(one,), state="recorded"))
    assert [two["billed"]["customer_id"] for two in status.differences] == [report[0].pseudonym]
    assert await everywhere(workshop, "acme") == []


async def test_a_purge_cut_off_after_the_ledger_is_finished_by_the_next(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    await settled(
        workshop, body(bill(key("acme", "1"))), body(bill(key("acme", "1"), customer="x"))
    )

    async def cut_off(*_: object) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr("jobs.privacy.purge.remove_linked_bodies", cut_off)
        with pytest.raises(KeyboardInterrupt):
            await purged(workshop)
    (copy,) = await settled(workshop, body(bill(key("acme", "1"))))
    assert await workshop.verdicts(copy) == ["duplicate"]
    report = await purged(workshop)
    assert (report.bodies, report.elsewhere.texts, report.ledger.rows) == (2, 1, 0)
    assert (await survey(workshop.database, "acme")).found is False
