from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from sqlalchemy import event, select

from jobs.common.errors import InboxUnavailable
from jobs.intake import group_commit
from jobs.intake.commit import Pending
from jobs.intake.group_commit import Accepted, Inbox, Incoming
from jobs.storage.schema import billing_events, deliveries, intake
from mappings.engine.types import DeliveryInput, Mapped
from tests.jobs.doubles import FakeMappings, bill, body, incoming
from tests.jobs.workshop import Workshop
from tests.support.processes import Process

ROOT = Path(__file__).parents[3]


async def accept_all(inbox: Inbox, *posts: Incoming) -> list[Accepted]:
    return await asyncio.gather(*(inbox.accept(post) for post in posts))


async def test_an_accepted_delivery_is_committed_and_rung(workshop: Workshop) -> None:
    post = incoming(b"any bytes \x00\xff at all", vendor_id="evt-1")
    accepted = await workshop.inbox.accept(post)
    assert not accepted.duplicate
    assert workshop.rung == [accepted.delivery_id]
    row = await workshop.delivery(accepted.delivery_id)
    assert (row.source, row.state, row.attempts, row.duplicates) == ("crm", "received", 0, 0)
    assert (row.body, row.body_sha256) == (post.body, post.body_sha256)
    assert (row.headers, row.vendor_id) == (post.headers, "evt-1")
    assert abs(row.received_at - await workshop.now()) < timedelta(minutes=1)
    assert (row.reason, row.detail, row.rule, row.settled_at) == (None, None, None, None)


async def test_no_caller_is_answered_before_the_commit(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    accept = Pending.accept

    def note_and_accept(pending: Pending, accepted: Accepted) -> None:
        happened.append("answered")
        accept(pending, accepted)

    monkeypatch.setattr(Pending, "accept", note_and_accept)
    engine = workshop.inbox._intake._database.engine.sync_engine
    event.listen(engine, "commit", lambda _connection: happened.append("committed"))
    await workshop.inbox.accept(incoming())
    assert happened == ["committed", "answered"]


async def test_an_unsigned_id_is_not_kept_as_the_vendors(workshop: Workshop) -> None:
    accepted = await workshop.inbox.accept(incoming(vendor_id="evt-1", id_signed=False))
    assert (await workshop.delivery(accepted.delivery_id)).vendor_id is None


async def test_a_repeat_is_answered_with_the_firsts_id_and_counted(workshop: Workshop) -> None:
    post = incoming(vendor_id="evt-1")
    first = await workshop.inbox.accept(post)
    repeats = [await workshop.inbox.accept(post) for _ in range(2)]
    assert repeats == [Accepted(first.delivery_id, duplicate=True)] * 2
    assert (await workshop.delivery(first.delivery_id)).duplicates == 2
    assert await workshop.count(deliveries) == 1
    assert await workshop.is_balanced()


async def test_of_200_copies_at_once_one_is_new(workshop: Workshop) -> None:
    accepted = await accept_all(workshop.inbox, *[incoming(vendor_id="evt-1")] * 200)
    assert len({one.delivery_id for one in accepted}) == 1
    assert sum(one.duplicate for one in accepted) == 199
    assert (await workshop.delivery(accepted[0].delivery_id)).duplicates == 199
    assert set(workshop.rung) == {accepted[0].delivery_id}
    assert await workshop.is_balanced()


async def test_copies_over_two_inboxes_at_once_are_one_delivery_each(workshop: Workshop) -> None:
    other = await workshop.new_inbox()
    posts = [incoming(vendor_id=f"evt-{number}") for number in range(50)]
    mine, theirs = await asyncio.gather(
        accept_all(workshop.inbox, *posts, *posts), accept_all(other, *reversed(posts))
    )
    accepted = [*mine, *theirs]
    assert len({one.delivery_id for one in accepted}) == 50
    assert sum(not one.duplicate for one in accepted) == 50
    assert await workshop.count(deliveries) == 50
    assert await workshop.is_balanced()


async def test_copies_over_two_processes_at_once_are_one_delivery_each(
    workshop: Workshop, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "tests.jobs.fake_inbox", workshop.url]
    processes = [
        Process(command, log=tmp_path / f"log-{number}", directory=ROOT) for number in range(2)
    ]
    assert [process.wait() for process in processes] == [0, 0], processes[0].output()
    accepted = [one for process in processes for one in json.loads(process.output())]
    assert len({delivery_id for delivery_id, _ in accepted}) == 40
    assert sum(not duplicate for _, duplicate in accepted) == 40
    assert await workshop.count(deliveries) == 40
    assert await workshop.is_balanced()


async def test_one_id_under_two_sources_is_two_deliveries(workshop: Workshop) -> None:
    posts = [incoming(vendor_id="evt-1", source=source) for source in ("crm", "desk")]
    accepted = await accept_all(workshop.inbox, *posts)
    assert [one.duplicate for one in accepted] == [False, False]


async def test_a_signed_id_with_another_body_is_kept_as_reused(workshop: Workshop) -> None:
    first = await workshop.inbox.accept(incoming(b"1", vendor_id="evt-1"))
    second = await workshop.inbox.accept(incoming(b"2", vendor_id="evt-1"))
    assert not second.duplicate
    assert second.delivery_id != first.delivery_id
    row = await workshop.delivery(second.delivery_id)
    assert (row.state, row.reason, row.body) == ("failed", "id-reused", b"2")
    assert "used before with another body" in row.detail
    assert row.settled_at is not None
    # Released by a replay it is a delivery of its own, also for a rule that bills per delivery.
    assert row.vendor_id == f"evt-1#{row.body_sha256}"
    assert (await workshop.delivery(first.delivery_id)).vendor_id == "evt-1"
    assert workshop.rung == [first.delivery_id]
    assert (await workshop.delivery(first.delivery_id)).duplicates == 0
    assert await workshop.is_balanced()


async def test_signed_content_with_another_body_is_kept_and_is_no_id_of_a_delivery(
    workshop: Workshop,
) -> None:
    posts = [incoming(body, vendor_id="what-is-signed", id_signed=False) for body in (b"1", b"2")]
    first, second = [await workshop.inbox.accept(replace(one, one_body=True)) for one in posts]
    row = await workshop.delivery(second.delivery_id)
    assert (first.duplicate, second.duplicate) == (False, False)
    assert (row.state, row.reason, row.vendor_id) == ("failed", "id-reused", None)


async def test_a_repeat_of_a_reused_id_is_a_duplicate_of_that_and_wakes_nothing(
    workshop: Workshop,
) -> None:
    await workshop.inbox.accept(incoming(b"1", vendor_id="evt-1"))
    second = await workshop.inbox.accept(incoming(b"2", vendor_id="evt-1"))
    workshop.rung.clear()
    assert await workshop.inbox.accept(incoming(b"2", vendor_id="evt-1")) == Accepted(
        second.delivery_id, duplicate=True
    )
    row = await workshop.delivery(second.delivery_id)
    assert (row.state, row.reason, row.duplicates) == ("failed", "id-reused", 1)
    assert workshop.rung == []


async def test_two_bodies_under_one_id_in_one_group_are_told_apart(workshop: Workshop) -> None:
    posts = [incoming(content, vendor_id="evt-1") for content in (b"1", b"2", b"1", b"2", b"3")]
    accepted = await accept_all(workshop.inbox, *posts)
    assert [one.duplicate for one in accepted] == [False, False, True, True, False]
    assert await workshop.states() == {"received": 1, "failed": 2}
    assert (await workshop.delivery(accepted[0].delivery_id)).state == "received"
    assert await workshop.is_balanced()


async def test_two_bodies_under_one_id_over_two_inboxes_leave_one_standing(
    workshop: Workshop,
) -> None:
    other = await workshop.new_inbox()
    ones = [incoming(b"1", vendor_id=f"evt-{number}") for number in range(30)]
    twos = [incoming(b"2", vendor_id=f"evt-{number}") for number in range(30)]
    await asyncio.gather(accept_all(workshop.inbox, *ones), accept_all(other, *reversed(twos)))
    assert await workshop.states() == {"received": 30, "failed": 30}
    assert await workshop.is_balanced()


async def test_an_unsigned_id_with_another_body_is_no_reuse(workshop: Workshop) -> None:
    posts = [incoming(content, vendor_id="evt-1", id_signed=False) for content in (b"1", b"2")]
    accepted = await accept_all(workshop.inbox, *posts)
    assert [one.duplicate for one in accepted] == [False, True]


BAD_POSTS = {
    "half a character": incoming(vendor_id="\ud800"),
    "a header that is no text": replace(incoming(), headers={"x": object()}),  # type: ignore[dict-item] # the fault
}


@pytest.mark.parametrize("bad", BAD_POSTS.values(), ids=BAD_POSTS.keys())
async def test_a_row_the_database_refuses_fails_no_neighbour(
    workshop: Workshop, bad: Incoming
) -> None:
    good = [incoming(vendor_id=f"evt-{number}") for number in range(20)]
    posts = [*good[:10], bad, *good[10:]]
    answers = await asyncio.gather(
        *(workshop.inbox.accept(post) for post in posts), return_exceptions=True
    )
    assert isinstance(answers.pop(10), InboxUnavailable)
    assert all(isinstance(one, Accepted) and not one.duplicate for one in answers)
    assert await workshop.states() == {"received": 20}
    assert await workshop.is_balanced()


async def test_a_row_that_postgres_refuses_fails_no_neighbour(on_postgres: Workshop) -> None:
    bad = [incoming(vendor_id="a\x00b"), incoming(source="s" * 65)]
    good = [incoming() for _ in range(10)]
    answers = await asyncio.gather(
        *(on_postgres.inbox.accept(post) for post in [*good, *bad]), return_exceptions=True
    )
    assert [type(one) for one in answers] == [Accepted] * 10 + [InboxUnavailable] * 2


async def test_a_caller_that_goes_away_takes_nothing_with_it(workshop: Workshop) -> None:
    callers = [asyncio.create_task(workshop.inbox.accept(incoming())) for _ in range(10)]
    await asyncio.sleep(0)
    for caller in callers[::2]:
        caller.cancel()
    answers = await asyncio.gather(*callers, return_exceptions=True)
    assert [isinstance(one, Accepted) for one in answers] == [False, True] * 5
    await workshop.inbox.close()
    assert await workshop.states() == {"received": 10}
    assert await workshop.is_balanced()


async def test_closing_commits_what_waits(workshop: Workshop) -> None:
    callers = [asyncio.create_task(workshop.inbox.accept(incoming())) for _ in range(10)]
    await asyncio.sleep(0)
    await workshop.inbox.close()
    assert len(await asyncio.gather(*callers)) == 10


WRONG = [
    pytest.param(timedelta(days=3), id="3 days fast"),
    pytest.param(timedelta(minutes=-20), id="20 minutes slow"),
]


@pytest.mark.parametrize("off", WRONG)
async def test_a_web_process_with_a_wrong_clock_moves_no_outcome_and_fails_none(
    workshop: Workshop, off: timedelta
) -> None:
    """An untimed outcome is dated, and a timed one judged, by the database's time of receipt."""
    fake = FakeMappings()
    right = await workshop.now()
    posts = [
        incoming(body(bill("untimed"))),
        incoming(body(bill("timed", at=right))),
    ]
    with time_machine.travel(datetime.now(UTC) + off):
        ids = [(await workshop.inbox.accept(post)).delivery_id for post in posts]
    await (await workshop.settler(fake)).settle(ids)
    lines = await workshop.all(select(billing_events.c.occurred_at))
    assert len(lines) == 2
    assert all(abs(line.occurred_at - right) < timedelta(minutes=1) for line in lines)


async def test_a_group_is_received_at_one_moment_and_keeps_the_order_of_arrival(
    workshop: Workshop,
) -> None:
    ids = await workshop.accept([incoming(vendor_id=f"evt-{9 - number}") for number in range(9)])
    columns = deliveries.c
    rows = await workshop.all(
        select(columns.id, columns.received_at).order_by(columns.received_at, columns.id)
    )
    assert [row.id for row in rows] == ids


async def test_a_delivery_is_judged_by_when_it_is_settled_too(workshop: Workshop) -> None:
    """So that a replay passes what failed by the time of receipt of a clock that was slow."""

    class Seeing(FakeMappings):
        def map(self, delivery: DeliveryInput) -> Mapped:
            seen.append(delivery)
            return super().map(delivery)

    seen: list[DeliveryInput] = []
    (delivery_id,) = await workshop.post(body(bill("key")))
    slow = await workshop.now() - timedelta(minutes=20)
    await workshop.received(delivery_id, slow)
    await (await workshop.settler(Seeing())).settle([delivery_id])
    (one,) = seen
    assert one.received_at == slow
    assert one.judged_at is not None
    assert abs(one.judged_at - await workshop.now()) < timedelta(minutes=1)


async def test_a_lone_request_waits_for_no_other(workshop: Workshop) -> None:
    await workshop.inbox.accept(incoming())
    took: list[float] = []
    for _ in range(10):
        started = time.monotonic()
        await workshop.inbox.accept(incoming())
        took.append(time.monotonic() - started)
    assert min(took) < 0.1


async def test_what_arrives_together_is_committed_together(workshop: Workshop) -> None:
    await accept_all(workshop.inbox, *(incoming() for _ in range(300)))
    sizes = [row.accepted for row in await workshop.all(select(intake).order_by(intake.c.id))]
    assert sum(sizes) == 300
    assert len(sizes) <= 3


async def test_the_count_of_intake_equals_the_states_at_every_moment(workshop: Workshop) -> None:
    other = await workshop.new_inbox()
    settler = await workshop.settler()
    posts = [incoming(body(bill(f"key-{number}"))) for number in range(300)]
    looks: list[bool] = []

    async def look() -> None:
        while True:
            looks.append(await workshop.is_balanced())

    async def work() -> None:
        for start in range(0, 300, 30):
            group = posts[start : start + 30]
            mine, _ = await asyncio.gather(
                accept_all(workshop.inbox, *group), accept_all(other, *group)
            )
            await settler.settle([one.delivery_id for one in mine])

    looking = asyncio.create_task(look())
    await work()
    looking.cancel()
    assert len(looks) > 5
    assert all(looks)
    assert await workshop.states() == {"recorded": 300}


@pytest.mark.parametrize(
    ("limit", "value"), [("WAITING_DELIVERIES", 20), ("WAITING_BYTES", 20 * 16)]
)
async def test_too_long_a_queue_is_refused_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, limit: str, value: int
) -> None:
    monkeypatch.setattr(group_commit, limit, value)
    async with workshop.locked():
        callers = [asyncio.create_task(workshop.inbox.accept(incoming(b"x" * 16)))]
        await asyncio.sleep(0.1)  # the first is on its way to the locked database
        callers += [
            asyncio.create_task(workshop.inbox.accept(incoming(b"x" * 16))) for _ in range(25)
        ]
        refused, _ = await asyncio.wait(callers, timeout=0.5)
        assert len(refused) == 5
        for one in refused:
            with pytest.raises(InboxUnavailable, match="too many deliveries wait"):
                one.result()
    await asyncio.gather(*callers, return_exceptions=True)
    await workshop.accept_until_committed(incoming(b"x" * 16))
    assert await workshop.is_balanced()


async def test_bodies_bound_a_group_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group_commit, "BATCH_BYTES", 1_000)
    await accept_all(workshop.inbox, *(incoming(b"x" * 400) for _ in range(12)))
    sizes = [row.accepted for row in await workshop.all(select(intake).order_by(intake.c.id))]
    assert sum(sizes) == 12
    assert max(sizes) == 3
