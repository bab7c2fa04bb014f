"""Which request holds how much of the budget for bodies, and which one is evicted."""

from __future__ import annotations

import contextlib
from contextlib import ExitStack

import pytest

from receiver.web.body_budget import Budget, BudgetExceeded, Reservation


def ignore() -> None:
    """An evicted request has nothing to stop here."""


def test_reserved_bytes_are_released_whatever_happens() -> None:
    budget = Budget(10)
    with contextlib.suppress(KeyError), budget.reserve() as reservation:
        reservation.grow(7)
        assert budget.held_bytes == 7
        raise KeyError
    assert budget.held_bytes == 0


def test_the_oldest_that_is_still_arriving_is_evicted_and_interrupted_once() -> None:
    budget, interrupted = Budget(10), list[str]()
    with ExitStack() as stack:
        first, second, new = (stack.enter_context(budget.reserve()) for _ in range(3))
        stack.enter_context(first.receiving(lambda: interrupted.append("first")))
        stack.enter_context(second.receiving(lambda: interrupted.append("second")))
        first.grow(4)
        second.grow(4)
        stack.enter_context(new.receiving(ignore))
        new.grow(6)
        assert interrupted == ["first"]
        assert (first.is_evicted, second.is_evicted, budget.held_bytes) == (True, False, 10)
        with pytest.raises(BudgetExceeded):
            first.grow(0)
    assert budget.held_bytes == 0


def test_a_whole_body_is_never_evicted() -> None:
    budget = Budget(10)
    with budget.reserve() as whole, budget.reserve() as new:
        with whole.receiving(ignore):
            whole.grow(8)
        with new.receiving(ignore), pytest.raises(BudgetExceeded):
            new.grow(3)
        assert (whole.is_evicted, budget.held_bytes) == (False, 8)


def test_the_oldest_itself_is_refused_what_does_not_fit() -> None:
    budget = Budget(10)
    with ExitStack() as stack:
        old, new = (stack.enter_context(budget.reserve()) for _ in range(2))
        stack.enter_context(old.receiving(ignore))
        stack.enter_context(new.receiving(ignore))
        new.grow(8)
        with pytest.raises(BudgetExceeded):
            old.grow(3)
        assert not new.is_evicted


def test_as_many_as_needed_are_evicted() -> None:
    budget = Budget(10)
    with ExitStack() as stack:
        reservations: list[Reservation] = []
        for _ in range(5):
            reservations.append(stack.enter_context(budget.reserve()))
            stack.enter_context(reservations[-1].receiving(ignore))
            reservations[-1].grow(2)
        reservations[-1].grow(5)
        assert [one.is_evicted for one in reservations] == [True, True, True, False, False]
