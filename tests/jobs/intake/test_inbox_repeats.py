"""What a repeat does to the delivery that it repeats."""

from __future__ import annotations

from jobs.filters import DeliveryFilter
from jobs.intake.group_commit import Accepted, Incoming
from jobs.replays.replay import discard
from tests.jobs.doubles import FakeMappings, bill, body, incoming, needing
from tests.jobs.intake.test_inbox import accept_all
from tests.jobs.workshop import Workshop


async def failed_delivery(workshop: Workshop, fake: FakeMappings) -> tuple[Incoming, str]:
    """A delivery that fails until `fake` knows its price, and the POST that brought it."""
    post = incoming(body(needing("a price", bill("key"))), vendor_id="evt-failing")
    accepted = await workshop.inbox.accept(post)
    settler = await workshop.settler(fake)
    await settler.settle([accepted.delivery_id])
    assert (await workshop.delivery(accepted.delivery_id)).reason == "unpriced"
    workshop.rung.clear()
    return post, accepted.delivery_id


async def test_a_repeat_wakes_a_failed_delivery(workshop: Workshop) -> None:
    fake = FakeMappings()
    post, delivery_id = await failed_delivery(workshop, fake)
    assert await workshop.inbox.accept(post) == Accepted(delivery_id, duplicate=True)
    row = await workshop.delivery(delivery_id)
    assert (row.state, row.attempts, row.duplicates, row.held_back) == ("received", 0, 1, 0)
    assert (row.reason, row.detail, row.rule, row.settled_at) == (None, None, None, None)
    assert workshop.rung == [delivery_id]
    fake.knows.add("a price")
    await (await workshop.settler(fake)).settle([delivery_id])
    assert await workshop.states() == {"recorded": 1}
    assert await workshop.is_balanced()


async def test_a_repeat_leaves_a_settled_delivery_as_it_is(workshop: Workshop) -> None:
    posts = [incoming(body(bill("key")), vendor_id="evt-1"), incoming(body(), vendor_id="evt-2")]
    ids = await workshop.accept(posts)
    await (await workshop.settler()).settle(ids)
    before = [await workshop.delivery(one) for one in ids]
    workshop.rung.clear()
    await accept_all(workshop.inbox, *posts)
    after = [await workshop.delivery(one) for one in ids]
    assert [(row.state, row.settled_at, row.attempts) for row in after] == [
        (row.state, row.settled_at, row.attempts) for row in before
    ]
    assert {row.state for row in after} == {"recorded", "ignored"}
    assert [row.duplicates for row in after] == [1, 1]
    assert workshop.rung == []


async def test_a_repeat_does_not_bring_back_what_was_discarded(workshop: Workshop) -> None:
    post, delivery_id = await failed_delivery(workshop, FakeMappings())
    await discard(workshop.database, DeliveryFilter(ids=(delivery_id,)), actor="me", note="spam")
    await workshop.inbox.accept(post)
    assert (await workshop.delivery(delivery_id)).state == "discarded"
    assert workshop.rung == []
