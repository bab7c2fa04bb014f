"""Any mixture of deliveries and corrections by hand owes what the model owes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
from sqlalchemy import select

from jobs.corrections.charges import find_named
from jobs.corrections.result import CorrectionResult
from jobs.filters import DeliveryFilter
from jobs.ledger.repository import load_books
from jobs.storage.schema import (
    billing_events,
    deliveries,
)
from tests.jobs import model
from tests.jobs.builders import at
from tests.jobs.desk import TO_COME, Desk
from tests.jobs.doubles import bill, undo
from tests.jobs.model import ModelOutcome, charge, reinstatement, reversal


@dataclass(frozen=True, slots=True)
class Fix:
    """A person corrects what is open of a key: bills it again at so much, or takes it back.

    Or, with `brings_back`, brings back what a person took back.
    """

    micros: int | None = None
    customer: str | None = None
    brings_back: bool = False


KEYS = 2
TIMES = st.one_of(st.none(), st.integers(1, 3), st.integers(TO_COME + 1, TO_COME + 3))
WHO = st.sampled_from(["acme", "acme", "globex"])
MOVES = st.lists(
    st.tuples(
        st.integers(0, KEYS - 1),
        st.one_of(
            st.builds(
                charge, TIMES, st.sampled_from([10, 20]), WHO, st.sampled_from(["first", "latest"])
            ),
            st.builds(reversal, TIMES),
            st.builds(reinstatement, TIMES),
            st.just(Fix()),
            st.just(Fix(brings_back=True)),
            st.builds(Fix, st.sampled_from([10, 30]), WHO),
        ),
    ),
    min_size=1,
    max_size=10,
)
fresh = itertools.count()


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(MOVES)
async def test_any_mixture_of_deliveries_and_corrections_owes_what_the_model_owes(
    desk: Desk, moves: list[tuple[int, ModelOutcome | Fix]]
) -> None:
    source = f"mixed-{next(fresh)}"
    heard: list[list[ModelOutcome]] = [[] for _ in range(KEYS)]
    for number, move in moves:
        key = f"{source} {number}"
        if isinstance(move, ModelOutcome):
            await desk.settle(_as_written(key, move), source=source)
            outcome = replace(move)
            if not model.conflicts(heard[number], outcome):
                heard[number].append(outcome)
            continue
        if move.brings_back:
            restored = model.reinstated_by_hand(heard[number], TO_COME - 1)
            assert (await _brought_back(desk, key)) == (restored is not None)
            heard[number] = restored or heard[number]
            continue
        done = await _fix(desk, key, move)
        if model.owes(heard[number]) is None:
            assert done is None
        elif move.micros is None:
            heard[number] = model.reversed_by_hand(heard[number], TO_COME - 1)
        else:
            heard[number] = model.rebilled(heard[number], move.micros, move.customer or "acme")
    await _assert_owed(desk, source, heard)
    before = await desk.totals()
    recorded = DeliveryFilter(state="recorded", source=source)
    status = await desk.workshop.replay(desk.settler, desk.fake, recorded)
    assert status.unchanged == status.matched
    assert await desk.totals() == before


def _as_written(key: str, outcome: ModelOutcome) -> dict[str, Any]:
    if outcome.kind != "charge":
        return {**undo(key, at=at(outcome.at)), "kind": outcome.kind}
    return bill(
        key,
        at=at(outcome.at),
        micros=outcome.micros or 0,
        customer=outcome.billed_as,
        amount=outcome.rule,
    )


async def _fix(desk: Desk, key: str, fix: Fix) -> CorrectionResult | None:
    events = billing_events.c
    lines = await desk.workshop.all(
        select(billing_events).where(events.outcome_key == key).order_by(events.sequence.desc())
    )
    if not lines or lines[0].kind == "reversal":
        return None
    desk.fake.micros, desk.fake.customer = fix.micros, fix.customer
    correction = desk.reverse if fix.micros is None else desk.rebill
    done = await correction(lines[0].id)
    desk.fake.micros = desk.fake.customer = None
    assert done.refused == 0
    return done


async def _brought_back(desk: Desk, key: str) -> bool:
    named, _ = await find_named(desk.workshop.database, [key])
    return bool(named) and (await desk.reinstate(key)).corrected == 1


async def _assert_owed(desk: Desk, source: str, heard: list[list[ModelOutcome]]) -> None:
    """By the ledger, and by what is loaded of the key to decide on it next."""
    by_ledger = await desk.workshop.open_micros()
    keys = [f"{source} {number}" for number in range(KEYS)]
    async with desk.workshop.database.read() as connection:
        books = await load_books(connection, keys)
    for key, outcome in zip(keys, heard, strict=True):
        due = model.owes(outcome)
        owed, line = books[key].owed(), books[key].open_charge
        assert by_ledger.get(key) == (due and due.micros)
        assert (owed and (owed.terms.amount_micros, owed.terms.customer_id, owed.occurred_at)) == (
            due and (due.micros, due.billed_as, at(due.at))
        )
        assert (line and line.terms.customer_id) == (due and due.billed_as)
        assert line is None or due is None or at(due.at) in (None, line.occurred_at)
        assert await desk.faults([key]) == []
    states = await desk.workshop.all(
        select(deliveries.c.reason).where(
            deliveries.c.source == source, deliveries.c.state == "failed"
        )
    )
    assert {row.reason for row in states} <= {"conflict"}
