"""Exceptions are told of once for each order of magnitude, and only where a person has to look."""

from __future__ import annotations

from jobs.alerts.conditions import of_exceptions
from jobs.queries.exceptions.listing import Tally


def test_what_a_person_has_to_look_at_is_told_with_the_command() -> None:
    (told,) = of_exceptions([Tally("amount-differs", count=3), Tally("lookalike-customer", 9)])
    assert told.run == ("receiver exceptions --kind amount-differs",)
    assert told.says.startswith("3 outcomes were reported again with another amount")
    assert told.facts == {"exception": "amount-differs", "count": 3, "overdue": 0}


def test_a_reversal_that_is_ahead_of_its_charge_is_told_once_it_is_overdue() -> None:
    assert of_exceptions([Tally("waiting-reversal", count=5)]) == []
    (told,) = of_exceptions([Tally("waiting-reversal", count=5, overdue=2)])
    assert "2 for longer than an hour" in told.says


def test_a_growth_is_told_again_and_a_few_more_are_not() -> None:
    few, more, many = (
        of_exceptions([Tally("amount-differs", count=count)])[0].key for count in (2, 9, 10)
    )
    assert few == more != many
