"""Old bodies go, in steps, and nothing that they billed goes with them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from jobs.common.errors import InboxUnavailable
from jobs.filters import DeliveryFilter
from jobs.privacy import retention as retention_module
from jobs.privacy.evidence import BodyGone, Evidence, remove_bodies
from jobs.privacy.retention import SECONDS_IN_DAY, Retention
from jobs.queries.deliveries.delivery_input import read_input
from jobs.replays.dry_run import dry_run
from jobs.replays.replay import discard
from jobs.storage.schema import billing_events, deliveries, outcomes
from tests.jobs.doubles import FakeMappings, bill, body, incoming, mapping_set, needing
from tests.jobs.workshop import Workshop

DAYS = 30


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No other process needs the database here."""
    monkeypatch.setattr(retention_module, "PAUSE_SECONDS", 0)


def retention(workshop: Workshop) -> Retention:
    return Retention(workshop.new_database(), days=DAYS)


async def age(workshop: Workshop, *ids: str, days: float = DAYS + 1) -> None:
    """Let these have been received so long ago."""
    async with workshop.database.write() as connection:
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids))
            .values(received_at=workshop.database.now(plus_seconds=-days * SECONDS_IN_DAY))
        )


async def one_of_each(workshop: Workshop) -> dict[str, str]:
    """A delivery in each state, all of them old."""
    bodies = [body(bill("a")), body(), body(needing("x", bill("b"))), body(needing("x", bill("c")))]
    ids = await workshop.post(*bodies)
    await (await workshop.settler(FakeMappings())).settle(ids)
    where = DeliveryFilter(ids=(ids[3],))
    await discard(workshop.database, where, actor="me", note="test")
    ids += await workshop.post(body(bill("waiting")))
    await age(workshop, *ids)
    return dict(zip(("recorded", "ignored", "failed", "discarded", "received"), ids, strict=True))


async def test_bodies_and_headers_of_what_is_settled_go_and_of_nothing_else(
    workshop: Workshop,
) -> None:
    ids = await one_of_each(workshop)
    assert await retention(workshop).round() == 3
    for state, delivery_id in ids.items():
        row = await workshop.delivery(delivery_id)
        assert row.state == state
        if state in ("received", "failed"):
            assert (row.evidence, row.headers) == ("kept", {"content-type": "application/json"})
            assert row.body
        else:
            assert (row.evidence, row.headers, row.body) == ("expired", {}, None)


async def test_what_is_younger_stays_until_its_time_has_come(workshop: Workshop) -> None:
    ids = await one_of_each(workshop)
    await age(workshop, *ids.values(), days=DAYS - 1)
    keeper = retention(workshop)
    assert await keeper.round() == 0
    await age(workshop, ids["ignored"])
    assert await keeper.round() == 1


async def test_the_row_and_all_that_was_billed_stay(workshop: Workshop) -> None:
    ids = await one_of_each(workshop)
    before = await workshop.delivery(ids["recorded"])
    billed = [await workshop.all(select(table)) for table in (outcomes, billing_events)]
    await retention(workshop).round()
    after = await workshop.delivery(ids["recorded"])
    gone: dict[str, Any] = {"body": None, "headers": {}, "evidence": "expired"}
    assert after._mapping == {**before._mapping, **gone}
    assert [await workshop.all(select(table)) for table in (outcomes, billing_events)] == billed
    assert await workshop.is_balanced()


async def test_a_later_copy_is_still_a_duplicate_and_bills_nothing(workshop: Workshop) -> None:
    post = incoming(body(bill("a")), vendor_id="evt-1")
    (first,) = await workshop.accept([post])
    settler = await workshop.settler()
    await settler.settle([first])
    await age(workshop, first)
    assert await retention(workshop).round() == 1
    again = await workshop.inbox.accept(post)
    assert (again.delivery_id, again.duplicate) == (first, True)
    await settler.settle([first])
    assert (await workshop.delivery(first)).state == "recorded"
    assert await workshop.count(billing_events) == 1


@pytest.mark.parametrize("state", ["recorded", "ignored", "discarded"])
async def test_a_replay_leaves_it_as_it_is_and_counts_it_apart(
    workshop: Workshop, state: str
) -> None:
    ids = await one_of_each(workshop)
    await retention(workshop).round()
    before = await workshop.delivery(ids[state])
    fake = FakeMappings()
    where = DeliveryFilter(state=state)
    dry = await dry_run(workshop.database, mapping_set(fake), where)
    assert (dry.would, dry.unchanged_no_body, dry.amounts_micros) == ({"unchanged": 1}, 1, {})
    status = await workshop.replay(await workshop.settler(fake), fake, where)
    assert (status.state, status.done, status.unchanged) == ("done", 1, 1)
    assert (status.unchanged_no_body, status.differences) == (1, [])
    assert await workshop.delivery(ids[state]) == before


async def test_what_is_compared_is_not_counted_as_without_a_body(workshop: Workshop) -> None:
    await one_of_each(workshop)
    fake = FakeMappings()
    where = DeliveryFilter(state="recorded")
    status = await workshop.replay(await workshop.settler(fake), fake, where)
    assert (status.unchanged, status.unchanged_no_body) == (1, 0)


async def test_a_repeat_wakes_an_old_failed_one_which_has_kept_its_body(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    post = incoming(body(needing("a price", bill("a"))), vendor_id="evt-1")
    (one,) = await workshop.accept([post])
    await settler.settle([one])
    await age(workshop, one)
    keeper = retention(workshop)
    assert await keeper.round() == 0
    fake.knows.add("a price")
    await workshop.inbox.accept(post)
    assert await retention(workshop).round() == 0
    await settler.settle([one])
    assert (await workshop.delivery(one)).state == "recorded"
    assert await keeper.round() == 0, "the walk is past it"
    assert await retention(workshop).round() == 1


async def test_a_walk_starts_over_for_what_settled_behind_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await one_of_each(workshop)
    keeper = retention(workshop)
    assert await keeper.round() == 3
    where = DeliveryFilter(ids=(ids["failed"],))
    await discard(workshop.database, where, actor="me", note="test")
    assert await keeper.round() == 0
    monkeypatch.setattr(retention_module, "RESTART_SECONDS", -1)
    assert await keeper.round() == 1
    assert (await workshop.delivery(ids["failed"])).evidence == "expired"


async def test_many_go_page_by_page_and_the_round_says_how_many(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(retention_module, "PAGE", 7)
    ids = await workshop.post(*[body() for _ in range(50)])
    await (await workshop.settler()).settle(ids)
    await age(workshop, *ids)
    keeper = retention(workshop)
    assert await keeper.round() == 50
    assert await keeper.round() == 0
    rounds = [one for one in logs if one["event"] == "retention.round"]
    assert rounds == [
        {"event": "retention.round", "log_level": "info", "removed": 50, "days": DAYS}
    ]


async def test_two_workers_remove_each_body_once(workshop: Workshop) -> None:
    ids = await workshop.post(*[body() for _ in range(40)])
    await (await workshop.settler()).settle(ids)
    await age(workshop, *ids)
    counts = await asyncio.gather(*(retention(workshop).round() for _ in range(2)))
    assert sum(counts) <= 40
    assert await retention(workshop).round() == 40 - sum(counts)
    assert all(row.body is None for row in await workshop.all(select(deliveries.c.body)))


async def test_a_database_that_is_away_is_tried_again(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(retention_module, "EVERY_SECONDS", 0)
    keeper = retention(workshop)
    faults = [InboxUnavailable("a bug"), ConnectionRefusedError("away")]
    third = asyncio.Event()

    async def one_round() -> int:
        if faults:
            raise faults.pop()
        third.set()
        return 0

    monkeypatch.setattr(keeper, "round", one_round)
    running = asyncio.create_task(keeper.run())
    await asyncio.wait_for(third.wait(), 10)
    running.cancel()
    events = [one["event"] for one in logs]
    assert events == ["retention.postponed", "retention.error"]


async def test_a_body_under_a_running_release_stays(workshop: Workshop) -> None:
    """The replay has the row: the first one decides, and the other sees it."""
    ids = await one_of_each(workshop)
    async with workshop.database.write() as connection:
        await connection.execute(
            update(deliveries).where(deliveries.c.id == ids["ignored"]).values(state="received")
        )
        removing = asyncio.create_task(
            remove_bodies(workshop.new_database(), [ids["ignored"]], Evidence.EXPIRED)
        )
        await asyncio.sleep(0.2)
    assert await removing == 0
    row = await workshop.delivery(ids["ignored"])
    assert (row.state, row.evidence, row.body) == ("received", "kept", body())


async def test_a_body_under_a_running_discard_goes_or_waits_for_the_next_walk(
    workshop: Workshop,
) -> None:
    ids = await one_of_each(workshop)
    async with workshop.database.write() as connection:
        await connection.execute(
            update(deliveries).where(deliveries.c.id == ids["failed"]).values(state="discarded")
        )
        removing = asyncio.create_task(
            remove_bodies(workshop.new_database(), [ids["failed"]], Evidence.EXPIRED)
        )
        await asyncio.sleep(0.2)
    removed = await removing
    row = await workshop.delivery(ids["failed"])
    assert (row.state, row.evidence) == ("discarded", "expired" if removed else "kept")
    assert removed + await remove_bodies(workshop.database, [ids["failed"]], Evidence.EXPIRED) == 1


async def test_a_replay_that_waits_for_a_removal_finds_the_body_gone(workshop: Workshop) -> None:
    ids = await one_of_each(workshop)
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    async with workshop.database.write() as connection:
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id == ids["ignored"])
            .values(body=None, headers={}, evidence="expired")
        )
        if workshop.database.is_sqlite:  # no other transaction can even begin
            replaying = None
        else:
            where = DeliveryFilter(state="ignored")
            replaying = asyncio.create_task(workshop.replay(settler, fake, where))
            await asyncio.sleep(0.3)
    status = await (replaying or workshop.replay(settler, fake, DeliveryFilter(state="ignored")))
    assert (status.unchanged, status.unchanged_no_body) == (1, 1)
    assert (await workshop.delivery(ids["ignored"])).state == "ignored"


async def test_what_needs_the_body_reports_why_it_is_gone(workshop: Workshop) -> None:
    ids = await one_of_each(workshop)
    await retention(workshop).round()
    with pytest.raises(BodyGone, match=r"was removed by retention \(RECEIVER_RETENTION_DAYS\)"):
        await read_input(workshop.database, ids["recorded"], source="crm", oldest_days=None)
    assert await read_input(workshop.database, "unknown", source="crm", oldest_days=None) is None


async def test_no_byte_of_a_body_that_went_is_left_in_sqlites_files(on_sqlite: Workshop) -> None:
    (old,) = await on_sqlite.post(body(note="of mary-miller " * 600))
    await (await on_sqlite.settler(FakeMappings())).settle([old])
    await age(on_sqlite, old)
    assert await retention(on_sqlite).round() == 1
    path = Path(str(on_sqlite.database.engine.url.database))
    assert not [one for one in path.parent.iterdir() if b"mary-miller" in one.read_bytes()]
