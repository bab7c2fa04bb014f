"""Exceptions are alerted on once for each order of magnitude, where a person has to look."""

from __future__ import annotations

from jobs.alerts.alert import key_of
from jobs.alerts.wording import exceptions
from jobs.common.problem import Problem
from jobs.queries.exceptions.listing import Tally


def problems(*tallies: Tally) -> list[Problem]:
    return [problem for problem in exceptions(tallies) if problem.is_problem]


def test_what_a_person_has_to_look_at_is_sent_with_the_command() -> None:
    (problem,) = problems(Tally("amount-differs", count=3), Tally("lookalike-customer", 9))
    assert problem.commands == ("receiver exceptions --kind amount-differs",)
    assert problem.summary.startswith("3 outcomes were reported again with another amount")
    assert problem.labels == {"exception": "amount-differs", "count": 3, "overdue": 0}


def test_a_reversal_that_is_ahead_of_its_charge_is_sent_once_it_is_overdue() -> None:
    assert problems(Tally("waiting-reversal", count=5)) == []
    (problem,) = problems(Tally("waiting-reversal", count=5, overdue=2))
    assert "2 for longer than an hour" in problem.summary


def test_a_growth_is_sent_again_and_a_few_more_are_not() -> None:
    few, more, many = (
        key_of(*problems(Tally("amount-differs", count=count))) for count in (2, 9, 10)
    )
    assert few == more != many
