"""Every order of arrival through the database, by workers side by side, owes the same."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st
from sqlalchemy import select

from jobs.filters import DeliveryFilter
from jobs.replays.replay import replay_status, start_replay
from jobs.replays.runner import ReplayRunner
from jobs.settling.settle import Settler
from jobs.storage.schema import deliveries, outcomes
from tests.jobs import model
from tests.jobs.builders import DAWN, at, day_of
from tests.jobs.doubles import FakeMappings, bill, body, needing, undo
from tests.jobs.model import ModelOutcome, charge, latest, reinstatement, reversal
from tests.jobs.workshop import Workshop
from tests.support.effort import CHOSEN

fresh = itertools.count()


#: Histories whose times decide: each is brought in by every permutation of it.
HISTORIES = {
    "opened and closed in turn": [
        charge(1, 10),
        reversal(2),
        charge(3, 12),
        reversal(4),
        charge(5, 15),
    ],
    "closed for good": [charge(1, 10), charge(2, 20), reversal(3), reversal(3), charge(3, 30)],
    "copies of each": [charge(1, 10), charge(1, 10), reversal(1), charge(2, 11), charge(2, 11)],
    "one price on five days": [charge(second, 10) for second in range(1, 6)],
    "five amounts, by latest": [latest(second, 10 * second) for second in range(1, 6)],
    "brought back": [
        charge(1, 10),
        reversal(2),
        reinstatement(2),
        charge(3, 20),
        reinstatement(2),
    ],
    "brought back and corrected, by latest": [
        latest(1, 10),
        reversal(2),
        reinstatement(3),
        latest(4, 20),
        reversal(5),
    ],
}
#: So many permutations of each go through the databases.
SAMPLE = 40
UNTIMED_HISTORIES = {
    "charged thrice, taken back twice": [
        charge(None, 10),
        charge(None, 12),
        charge(None, 10),
        reversal(None),
        reversal(None),
    ],
}


@dataclass(frozen=True)
class Arrival:
    """One key and its outcomes, in the order they come."""

    key: str
    outcome: tuple[ModelOutcome, ...]

    def bodies(self) -> list[dict[str, Any]]:
        return [as_body(self.key, outcome) for outcome in self.outcome]


def as_body(key: str, outcome: ModelOutcome) -> dict[str, Any]:
    if outcome.kind != "charge":
        return {**undo(key, at=at(outcome.at)), "kind": outcome.kind}
    charges = bill(key, at=at(outcome.at), micros=outcome.micros or 0, customer=outcome.billed_as)
    return {**charges, "amount": outcome.rule}


def arrivals(histories: dict[str, list[ModelOutcome]]) -> list[Arrival]:
    """A sample of all orders of each, the same each time."""
    pick = random.Random(8)
    most = SAMPLE if CHOSEN == "quick" else 120
    orders = {
        name: list(dict.fromkeys(itertools.permutations(history)))
        for name, history in histories.items()
    }
    return [
        Arrival(f"{name} {number}", order)
        for name, found in orders.items()
        for number, order in enumerate(pick.sample(found, min(most, len(found))))
    ]


async def one_by_one(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """Each outcome of a key in a transaction of its own, after the one before."""
    settler = await workshop.settler()
    for nth in range(max(len(key.outcome) for key in keys)):
        ids = await workshop.post(*(body(key.bodies()[nth]) for key in keys))
        await settler.settle(ids)


async def in_batches(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """All outcomes of a key in one transaction."""
    settler = await workshop.settler()
    ids = await workshop.post(*(body(one) for key in keys for one in key.bodies()))
    await settler.settle(ids)


async def by_two_workers_at_once(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """Two workers, each on its own engine, at the same keys at the same time.

    First while the keys are new, then while they are known: what locks them differs.
    """
    settlers = [await workshop.settler() for _ in range(2)]
    for part in (slice(0, 2), slice(2, None)):
        ids = await workshop.post(*(body(one) for key in keys for one in key.bodies()[part]))
        await asyncio.gather(settlers[0].settle(ids[0::2]), settlers[1].settle(ids[1::2]))


async def some_failing_first(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """A different part of each key's outcomes has no price at first, and is replayed later."""
    fake = FakeMappings()
    settler = await workshop.settler(fake)
    charges = [
        body(needing("a price", one) if number % 31 + 1 & 1 << nth else one)
        for number, key in enumerate(keys)
        for nth, one in enumerate(key.bodies())
    ]
    await settler.settle(await workshop.post(*charges))
    assert (await workshop.states())["failed"] > len(keys)
    fake.knows.add("a price")
    status = await workshop.replay(settler, fake, DeliveryFilter(reason="unpriced"))
    assert (status.state, status.done, status.failed) == ("done", status.matched, 0)


WAYS = [one_by_one, in_batches, by_two_workers_at_once, some_failing_first]
Way = Callable[[Workshop, Sequence[Arrival]], Awaitable[None]]


async def assert_all_settled_without_stumbling(
    workshop: Workshop, deliveries_expected: int
) -> None:
    """All recorded, each at its first attempt: the lock decides, not the constraint behind it."""
    assert await workshop.states() == {"recorded": deliveries_expected}
    assert await workshop.all(select(deliveries.c.id).where(deliveries.c.attempts != 1)) == []
    assert await workshop.is_balanced()


@pytest.mark.parametrize("way", WAYS)
async def test_every_permutation_through_the_database_owes_the_same(
    workshop: Workshop, way: Way
) -> None:
    keys = arrivals(HISTORIES)
    await way(workshop, keys)
    await assert_all_settled_without_stumbling(workshop, sum(len(key.outcome) for key in keys))
    standing = await workshop.open_lines()
    for key in keys:
        due = model.owes(key.outcome)
        assert model.is_billed_as_owed(standing.get(key.key), due, day=day_of(due)), key
    assert 0 < len(standing) < len(keys)


@pytest.mark.parametrize("way", WAYS)
async def test_without_mapped_times_a_key_is_charged_once_and_reversed_once(
    workshop: Workshop, way: Way
) -> None:
    keys = arrivals(UNTIMED_HISTORIES)
    await way(workshop, keys)
    await assert_all_settled_without_stumbling(workshop, sum(len(key.outcome) for key in keys))
    assert await workshop.open_micros() == {}
    kinds = [[line.kind for line in ledger] for ledger in (await workshop.ledgers()).values()]
    assert all(found == ["charge", "reversal"] for found in kinds)
    assert kinds


@dataclass(frozen=True)
class Coming:
    """How one outcome comes: in which wave, to which worker, and whether it fails at first."""

    outcome: ModelOutcome
    wave: int
    worker: int
    fails_first: bool


@dataclass(frozen=True)
class TwoWorkers:
    """Two workers at one database, each on engines of its own."""

    fake: FakeMappings
    settlers: list[Settler]
    runners: list[ReplayRunner]


@pytest.fixture
async def two_workers(workshop: Workshop) -> TwoWorkers:
    fake = FakeMappings()
    settlers = [await workshop.settler(fake) for _ in range(2)]
    runners = [workshop.runner(settler, fake) for settler in settlers]
    return TwoWorkers(fake, settlers, runners)


SECONDS = st.one_of(st.none(), st.integers(1, 4))
COMING = st.builds(
    Coming,
    outcome=st.one_of(
        st.builds(
            charge,
            SECONDS,
            st.sampled_from([10, 20, 30]),
            rule=st.sampled_from(["first", "latest"]),
        ),
        st.builds(reversal, SECONDS),
        st.builds(reinstatement, SECONDS),
    ),
    wave=st.integers(0, 2),
    worker=st.integers(0, 1),
    fails_first=st.booleans(),
)


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(st.lists(COMING, min_size=2, max_size=5), min_size=1, max_size=6))
@example([[Coming(charge(2, 20), 0, 0, fails_first=False), Coming(charge(1, 10), 0, 1, True)]])
async def test_any_mixture_of_waves_workers_failures_and_replays_owes_what_the_model_owes(
    workshop: Workshop, two_workers: TwoWorkers, plans: list[list[Coming]]
) -> None:
    keys = [f"mixed {next(fresh)}" for _ in plans]
    source = keys[0].replace(" ", "-")
    settlers = two_workers.settlers
    two_workers.fake.knows.clear()
    for wave in range(3):
        shares = [
            await workshop.post(
                *(
                    body(needing("a price", charges) if one.fails_first else charges)
                    for key, plan in zip(keys, plans, strict=True)
                    for one in plan
                    if (one.wave, one.worker) == (wave, worker)
                    for charges in [as_body(key, one.outcome)]
                ),
                source=source,
            )
            for worker in range(2)
        ]
        await asyncio.gather(
            *(settler.settle(ids) for settler, ids in zip(settlers, shares, strict=True))
        )
    two_workers.fake.knows.add("a price")
    replay = await start_replay(workshop.database, DeliveryFilter(source=source), actor="test")
    await asyncio.gather(*(runner.advance() for runner in two_workers.runners))
    status = await replay_status(workshop.database, replay.id)
    assert status is not None
    assert (status.state, status.failed) == ("done", 0)
    standing = await workshop.open_lines()
    for key, plan in zip(keys, plans, strict=True):
        heard = await as_recorded(workshop, key)
        assert sorted(repr(replace(one, received=0)) for one in heard) == sorted(
            repr(one.outcome) for one in plan
        )
        line, due = standing.get(key), model.owes(heard)
        untimed = due is not None and due.at is None and line is not None
        day = line.at if untimed and line is not None else day_of(due)
        assert model.is_billed_as_owed(line, due, day=day)


async def as_recorded(workshop: Workshop, key: str) -> list[ModelOutcome]:
    """What was outcome of the key, in the order it was recorded."""
    found = await workshop.all(
        select(outcomes, deliveries.c.received_at)
        .join(deliveries, deliveries.c.id == outcomes.c.delivery_id)
        .where(outcomes.c.outcome_key == key)
        .order_by(outcomes.c.ordinal)
    )
    received = sorted((row.received_at, row.delivery_id) for row in found)
    return [
        ModelOutcome(
            row.kind,
            None if row.occurred_at is None else int((row.occurred_at - DAWN).total_seconds()),
            row.amount_micros,
            rule=row.amount_rule,
            received=received.index((row.received_at, row.delivery_id)),
        )
        for row in found
    ]
