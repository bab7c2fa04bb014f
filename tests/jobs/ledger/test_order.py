"""The order of arrival decides nothing: every way to the ledger ends in what the model owes."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from jobs.filters import DeliveryFilter
from jobs.ledger.book import KeyBook
from jobs.replays.replay import replay_status, start_replay
from jobs.replays.runner import ReplayRunner
from jobs.schema import deliveries, outcomes
from jobs.settling.settle import Settler
from tests.jobs import model
from tests.jobs.builders import DAWN, at, lines, tell
from tests.jobs.doubles import Telling, bill, body, needing, undo
from tests.jobs.model import Line, Said, charge, reversal
from tests.jobs.workshop import Workshop

#: Charges at three times and two prices; reversals between them, and at the time of a charge.
TIMED = [
    *(charge(second, micros) for second in (1, 3, 5) for micros in (10, 20)),
    reversal(2),
    reversal(3),
]
UNTIMED = [charge(None, 10), charge(None, 20), reversal(None)]
MIXED = [charge(2, 10), reversal(1), reversal(3), *UNTIMED]


def every_arrival(
    outcomes: Sequence[Said], longest: int
) -> Iterator[tuple[tuple[Said, ...], list[Line]]]:
    """Every sequence of these outcomes up to that length, repeats included, with its ledger.

    A sequence's ledger is carried on for all that begin with it.
    """

    def continued(
        heard: tuple[Said, ...], book: KeyBook
    ) -> Iterator[tuple[tuple[Said, ...], list[Line]]]:
        for said in outcomes:
            further = KeyBook(book.key, list(book.outcomes), list(book.entries))
            tell(further, said)
            told = (*heard, said)
            yield told, lines(further.entries)
            if len(told) < longest:
                yield from continued(told, further)

    return continued((), KeyBook("key"))


def test_every_order_of_up_to_five_timed_outcomes_owes_the_same() -> None:
    ends: dict[tuple[str, ...], set[int | None]] = {}
    for heard, ledger in every_arrival(TIMED, 5):
        standing, due = model.open_line(ledger), model.owes(heard)
        assert (standing and standing.micros) == (due and due.micros), heard
        if model.is_decided_by_times(heard):
            same_outcomes = tuple(sorted(map(repr, heard)))
            ends.setdefault(same_outcomes, set()).add(standing.micros if standing else None)
    assert all(len(found) == 1 for found in ends.values())
    assert len(ends) > 500


def test_every_order_of_untimed_outcomes_charges_and_reverses_at_most_once() -> None:
    for heard, ledger in every_arrival(UNTIMED, 6):
        standing, due = model.open_line(ledger), model.owes(heard)
        assert (standing and standing.micros) == (due and due.micros), heard
        assert [line.kind for line in ledger] in ([], ["charge"], ["charge", "reversal"]), heard


def test_every_order_of_timed_and_untimed_outcomes_owes_what_the_model_owes() -> None:
    for heard, ledger in every_arrival(MIXED, 5):
        standing, due = model.open_line(ledger), model.owes(heard)
        assert (standing and standing.micros) == (due and due.micros), heard


#: Histories whose times decide: each is brought in by every permutation of it.
HISTORIES = {
    "opened and closed in turn": [
        charge(1, 10),
        reversal(2),
        charge(3, 12),
        reversal(4),
        charge(5, 15),
    ],
    "three prices before one reversal": [
        charge(1, 10),
        charge(2, 12),
        charge(3, 8),
        reversal(4),
        charge(5, 9),
    ],
    "closed for good": [charge(1, 10), charge(2, 20), reversal(3), reversal(3), charge(3, 30)],
    "copies of each": [charge(1, 10), charge(1, 10), reversal(1), charge(2, 11), charge(2, 11)],
    "five prices and no reversal": [charge(second, 10 * second) for second in range(1, 6)],
}
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
    said: tuple[Said, ...]

    def told(self) -> list[dict[str, Any]]:
        return [as_told(self.key, said) for said in self.said]


def as_told(key: str, said: Said) -> dict[str, Any]:
    if said.kind == "reversal":
        return undo(key, at=at(said.at))
    return bill(key, at=at(said.at), micros=said.micros or 0, customer=said.billed_as)


def arrivals(histories: dict[str, list[Said]]) -> list[Arrival]:
    return [
        Arrival(f"{name} {number}", order)
        for name, history in histories.items()
        for number, order in enumerate(dict.fromkeys(itertools.permutations(history)))
    ]


async def one_by_one(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """Each outcome of a key in a transaction of its own, after the one before."""
    settler = await workshop.settler()
    for nth in range(max(len(key.said) for key in keys)):
        ids = await workshop.post(*(body(key.told()[nth]) for key in keys))
        await settler.settle(ids)


async def in_batches(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """All outcomes of a key in one transaction."""
    settler = await workshop.settler()
    ids = await workshop.post(*(body(one) for key in keys for one in key.told()))
    await settler.settle(ids)


async def by_two_workers_at_once(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """Two workers, each on its own engine, at the same keys at the same time.

    First while the keys are new, then while they are known: what locks them differs.
    """
    settlers = [await workshop.settler() for _ in range(2)]
    for part in (slice(0, 2), slice(2, None)):
        ids = await workshop.post(*(body(one) for key in keys for one in key.told()[part]))
        await asyncio.gather(settlers[0].settle(ids[0::2]), settlers[1].settle(ids[1::2]))


async def some_failing_first(workshop: Workshop, keys: Sequence[Arrival]) -> None:
    """A different part of each key's outcomes has no price at first, and is replayed later."""
    telling = Telling()
    settler = await workshop.settler(telling)
    told = [
        body(needing("a price", one) if number % 31 + 1 & 1 << nth else one)
        for number, key in enumerate(keys)
        for nth, one in enumerate(key.told())
    ]
    await settler.settle(await workshop.post(*told))
    assert (await workshop.states())["failed"] > len(keys)
    telling.knows.add("a price")
    status = await workshop.replay(settler, telling, DeliveryFilter(reason="unpriced"))
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
    await assert_all_settled_without_stumbling(workshop, sum(len(key.said) for key in keys))
    expected = {key.key: due.micros for key in keys if (due := model.owes(key.said)) is not None}
    assert await workshop.open_micros() == expected
    assert 0 < len(expected) < len(keys)


@pytest.mark.parametrize("way", WAYS)
async def test_without_mapped_times_a_key_is_charged_once_and_reversed_once(
    workshop: Workshop, way: Way
) -> None:
    keys = arrivals(UNTIMED_HISTORIES)
    await way(workshop, keys)
    await assert_all_settled_without_stumbling(workshop, sum(len(key.said) for key in keys))
    assert await workshop.open_micros() == {}
    kinds = [[line.kind for line in ledger] for ledger in (await workshop.ledgers()).values()]
    assert all(found == ["charge", "reversal"] for found in kinds)
    assert kinds


@dataclass(frozen=True)
class Coming:
    """How one outcome comes: in which wave, to which worker, and whether it fails at first."""

    said: Said
    wave: int
    worker: int
    fails_first: bool


@dataclass(frozen=True)
class TwoWorkers:
    """Two workers at one database, each on engines of its own."""

    telling: Telling
    settlers: list[Settler]
    runners: list[ReplayRunner]


@pytest.fixture
async def two_workers(workshop: Workshop) -> TwoWorkers:
    telling = Telling()
    settlers = [await workshop.settler(telling) for _ in range(2)]
    runners = [workshop.runner(settler, telling) for settler in settlers]
    return TwoWorkers(telling, settlers, runners)


SECONDS = st.one_of(st.none(), st.integers(1, 4))
COMING = st.builds(
    Coming,
    said=st.one_of(
        st.builds(charge, SECONDS, st.sampled_from([10, 20, 30])), st.builds(reversal, SECONDS)
    ),
    wave=st.integers(0, 2),
    worker=st.integers(0, 1),
    fails_first=st.booleans(),
)
fresh = itertools.count()


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
    two_workers.telling.knows.clear()
    for wave in range(3):
        shares = [
            await workshop.post(
                *(
                    body(needing("a price", told) if one.fails_first else told)
                    for key, plan in zip(keys, plans, strict=True)
                    for one in plan
                    if (one.wave, one.worker) == (wave, worker)
                    for told in [as_told(key, one.said)]
                ),
                source=source,
            )
            for worker in range(2)
        ]
        await asyncio.gather(
            *(settler.settle(ids) for settler, ids in zip(settlers, shares, strict=True))
        )
    two_workers.telling.knows.add("a price")
    replay = await start_replay(
        workshop.database, None, DeliveryFilter(source=source), actor="test"
    )
    await asyncio.gather(*(runner.advance() for runner in two_workers.runners))
    status = await replay_status(workshop.database, replay.id)
    assert status is not None
    assert (status.state, status.failed) == ("done", 0)
    standing = await workshop.open_micros()
    for key, plan in zip(keys, plans, strict=True):
        heard = await as_recorded(workshop, key)
        assert sorted(map(repr, heard)) == sorted(repr(one.said) for one in plan)
        due = model.owes(heard)
        assert standing.get(key) == (due.micros if due else None)


async def as_recorded(workshop: Workshop, key: str) -> list[Said]:
    """What was said of the key, in the order it was recorded."""
    found = await workshop.all(
        select(outcomes).where(outcomes.c.outcome_key == key).order_by(outcomes.c.ordinal)
    )
    return [
        Said(
            row.kind,
            None if row.occurred_at is None else int((row.occurred_at - DAWN).total_seconds()),
            row.amount_micros,
        )
        for row in found
    ]
