"""The rounds in the background: one worker has each, a pass goes on where it was, finds stay."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from jobs.audits import scrub as module
from jobs.audits.auditor import AUDITS, Auditor, read_audits
from jobs.audits.books import BOOKS
from jobs.audits.results import RoundResult
from jobs.common.ids import new_id
from jobs.storage.database import Database
from jobs.storage.schema import audits
from tests.jobs.audits.conftest import by_hand
from tests.jobs.doubles import bill, body
from tests.jobs.workshop import Workshop


async def make_due(workshop: Workshop) -> None:
    async with workshop.database.write() as connection:
        past = workshop.database.now(plus_seconds=-1)
        await connection.execute(audits.update().values(next_at=past))


async def test_a_round_of_all_audits_is_kept_for_every_face(busy: Workshop) -> None:
    await Auditor(busy.database).run_due()
    kept = await read_audits(busy.database)
    assert {one.name: one.found for one in kept} == dict.fromkeys(AUDITS, 0)
    now = await busy.now()
    assert all(one.checked_at and (now - one.checked_at).total_seconds() < 60 for one in kept)


async def test_of_many_workers_one_has_the_round_and_none_before_it_is_due(
    workshop: Workshop,
) -> None:
    looks: list[str] = []

    async def look(_database: Database, progress: Mapping[str, Any]) -> RoundResult:
        looks.append("looked")
        await asyncio.sleep(0.05)
        return RoundResult(found=0, progress={"round": progress.get("round", 0) + 1})

    workers = [Auditor(workshop.new_database(), {"balance": look}) for _ in range(5)]
    await asyncio.gather(*(one.run_due() for one in workers))
    await asyncio.gather(*(one.run_due() for one in workers))
    assert len(looks) == 1
    await make_due(workshop)
    await asyncio.gather(*(one.run_due() for one in workers))
    assert len(looks) == 2
    assert (await workshop.all(select(audits.c.progress)))[0][0] == {"round": 2}


async def test_a_round_that_breaks_is_tried_again_and_the_others_are_made(
    workshop: Workshop, logs: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.audits.auditor.DUE_SECONDS", 0.01)

    async def break_(_database: Database, _progress: Mapping[str, Any]) -> RoundResult:
        raise LookupError("a bug")

    async def look(_database: Database, _progress: Mapping[str, Any]) -> RoundResult:
        return RoundResult(found=0)

    running = asyncio.create_task(
        Auditor(workshop.database, {"books": break_, "balance": look}).run()
    )
    try:
        while not any(one.checked_at for one in await read_audits(workshop.database)):
            await asyncio.sleep(0.02)
    finally:
        running.cancel()
    assert [one["event"] for one in logs if one["log_level"] == "error"] == ["audit.error"]


async def test_a_round_that_the_database_cut_off_is_due_again_at_once(workshop: Workshop) -> None:
    rounds: list[Mapping[str, Any]] = []

    async def cut_off_once(_database: Database, progress: Mapping[str, Any]) -> RoundResult:
        rounds.append(progress)
        if len(rounds) == 1:
            raise TimeoutError
        return RoundResult(found=0)

    auditor = Auditor(workshop.database, {"balance": cut_off_once})
    with pytest.raises(TimeoutError):
        await auditor.run_due()
    await auditor.run_due()
    assert rounds == [{}, {}]


async def test_what_was_found_is_looked_at_until_it_is_fixed(busy: Workshop) -> None:
    """Planted before the first pass: `busy` may be older than what counts as changed."""
    auditor = Auditor(busy.database)
    change = "UPDATE billing_events SET amount_micros = {} WHERE outcome_key = 'plain'"
    await by_hand(busy, change.format(7))
    for is_wrong, statement in ((True, None), (True, change.format(990_000)), (False, None)):
        await auditor.run_due()
        await make_due(busy)
        (books,) = [one for one in await read_audits(busy.database) if one.name == "books"]
        assert bool(books.found) is is_wrong
        if statement is not None:
            await by_hand(busy, statement)


async def test_a_pass_goes_on_where_the_last_round_ended(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.audits.books.PAGE", 3)
    settler = await workshop.settler()
    await settler.settle(await workshop.post(*(body(bill(f"key-{n:02}")) for n in range(10))))
    progress: Mapping[str, Any] = {}
    reached = []
    for _ in range(8):
        result = await BOOKS.round(workshop.database, progress, seconds=0.0001)
        progress = result.progress
        reached.append((progress["pass"]["number"], progress["pass"]["ended"] is not None))
    assert reached[:5] == [(3, False), (6, False), (9, False), (10, False), (10, True)]
    assert reached[5:] == [(10, True)] * 3
    assert progress["pass"]["after"] == ""


async def test_what_changes_after_the_pass_is_looked_at_at_once(busy: Workshop) -> None:
    first = await BOOKS.round(busy.database, {}, seconds=30)
    assert first.progress["pass"]["ended"]
    settler = await busy.settler()
    await settler.settle(await busy.post(body(bill("new"))))
    await by_hand(busy, "UPDATE billing_events SET amount_micros = 1 WHERE outcome_key = 'new'")
    second = await BOOKS.round(busy.database, first.progress, seconds=0)
    assert second.progress["faulty"] == ["new"]


async def test_a_new_pass_begins_a_day_after_the_last(
    busy: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await BOOKS.round(busy.database, {}, seconds=30)
    monkeypatch.setattr(module, "PASS_EVERY", module.PASS_EVERY * 0)
    second = await BOOKS.round(busy.database, first.progress, seconds=30)
    assert second.progress["pass"]["began"] > first.progress["pass"]["began"]


def test_an_ids_floor_lies_below_every_id_made_from_then_on() -> None:
    before = datetime.now(UTC)
    made = [new_id() for _ in range(100)]
    assert module.id_floor(before) <= min(made)
    assert module.id_floor(before + timedelta(seconds=5)) > max(made)
