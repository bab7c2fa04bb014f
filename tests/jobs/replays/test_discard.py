from __future__ import annotations

import pytest
from sqlalchemy import select

from jobs.common.errors import FilterInvalid
from jobs.filters import DeliveryFilter
from jobs.replays.replay import discard
from jobs.storage import batching
from jobs.storage.schema import actions, deliveries
from tests.jobs.doubles import FakeMappings, bill, body, needing
from tests.jobs.workshop import Workshop


@pytest.fixture
async def ids(workshop: Workshop) -> list[str]:
    """Two recorded, two ignored, three failed and one received delivery, in this order."""
    bodies = [
        body(bill("a")),
        body(bill("b")),
        body(),
        body(),
        *(body(needing("a price", bill(key))) for key in "cde"),
    ]
    ids = await workshop.post(*bodies)
    await (await workshop.settler(FakeMappings())).settle(ids)
    return [*ids, *await workshop.post(body(bill("waiting")))]


def everything() -> DeliveryFilter:
    return DeliveryFilter(source="crm")


async def test_only_what_failed_or_was_ignored_is_discarded(
    workshop: Workshop, ids: list[str]
) -> None:
    done = await discard(workshop.database, everything(), actor="ada", note="a test run")
    assert done.matched == 5
    assert await workshop.states() == {"recorded": 2, "discarded": 5, "received": 1}
    (action,) = await workshop.all(select(actions))
    assert (action.id, action.kind, action.actor) == (done.id, "discard", "ada")
    assert (action.note, action.count, action.filter) == ("a test run", 5, {"source": "crm"})


async def test_nothing_of_it_is_lost(workshop: Workshop, ids: list[str]) -> None:
    before = await workshop.delivery(ids[4])
    await discard(workshop.database, everything(), actor="ada", note="a test run")
    after = await workshop.delivery(ids[4])
    assert after.state == "discarded"
    assert (after.body, after.reason, after.detail) == (before.body, before.reason, before.detail)
    assert await workshop.count(deliveries) == 8
    assert await workshop.is_balanced()


async def test_discarding_again_finds_nothing(workshop: Workshop, ids: list[str]) -> None:
    for matched in (5, 0):
        done = await discard(workshop.database, everything(), actor="ada", note="twice")
        assert done.matched == matched


async def test_a_dry_run_counts_and_writes_nothing(workshop: Workshop, ids: list[str]) -> None:
    where = DeliveryFilter(state="failed")
    dry = await discard(workshop.database, where, actor="ada", note="", dry_run=True)
    assert (dry.id, dry.matched) == (None, 3)
    limited = await discard(workshop.database, where, actor="ada", note="", dry_run=True, limit=2)
    assert limited.matched == 2
    assert await workshop.count(actions) == 0
    assert (await workshop.states())["failed"] == 3


async def test_a_limit_takes_the_first_received(workshop: Workshop, ids: list[str]) -> None:
    where = DeliveryFilter(reason="unpriced")
    done = await discard(workshop.database, where, actor="ada", note="two", limit=2)
    assert done.matched == 2
    states = [(await workshop.delivery(one)).state for one in ids[4:7]]
    assert states == ["discarded", "discarded", "failed"]


@pytest.mark.parametrize("state", ["recorded", "received", "discarded", "lost"])
async def test_any_other_state_is_refused(workshop: Workshop, ids: list[str], state: str) -> None:
    with pytest.raises(FilterInvalid, match="only failed and ignored"):
        await discard(workshop.database, DeliveryFilter(state=state), actor="ada", note="no")


async def test_an_empty_filter_is_refused(workshop: Workshop, ids: list[str]) -> None:
    with pytest.raises(FilterInvalid, match="name what to discard"):
        await discard(workshop.database, DeliveryFilter(), actor="ada", note="no")
    assert await workshop.count(actions) == 0


async def test_each_part_of_many_is_noted(
    workshop: Workshop, ids: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batching, "STEP", 2)
    done = await discard(workshop.database, everything(), actor="ada", note="a test run")
    assert done.matched == 5
    assert (await workshop.states())["discarded"] == 5
    noted = await workshop.all(select(actions).order_by(actions.c.id))
    assert [row.count for row in noted] == [2, 2, 1]
    assert noted[0].id == done.id
    assert [row.detail for row in noted] == [{"discard": done.id, "part": n} for n in (1, 2, 3)]
    assert {row.note for row in noted} == {"a test run"}
