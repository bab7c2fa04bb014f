"""What a key refuses: another triple than that of the charge owed. A currency is no conflict."""

from __future__ import annotations

import pytest

from jobs.ledger.owing import Conflict, decide
from jobs.ledger.records import Recorded
from tests.jobs.builders import book_of, record, recorded, with_terms
from tests.jobs.model import ModelOutcome, charge, latest, reinstatement, reversal

CONFLICTS: dict[str, tuple[list[ModelOutcome], ModelOutcome]] = {
    "by latest": ([latest(1, 10, "acme")], latest(2, 20, "globex")),
    "after a reinstatement": (
        [charge(1, 10, "acme"), reversal(2), reinstatement(3)],
        charge(4, 10, "globex"),
    ),
    "the same time": ([charge(1, 10, "acme")], charge(1, 10, "globex")),
    "later": ([charge(1, 10, "acme")], charge(2, 10, "globex")),
    "earlier": ([charge(2, 10, "acme")], charge(1, 10, "globex")),
    "in a closed stretch": ([charge(1, 10, "acme"), reversal(3)], charge(2, 10, "globex")),
    "among charges that wait behind a reversal": (
        [reversal(5), charge(1, 10, "acme")],
        charge(2, 10, "globex"),
    ),
    "untimed": ([charge(None, 10, "acme")], charge(None, 10, "globex")),
}


@pytest.mark.parametrize(("before", "outcome"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_charge_for_another_customer_between_the_same_reversals_is_refused(
    before: list[ModelOutcome], outcome: ModelOutcome
) -> None:
    book = book_of(*before)
    outcomes, entries = list(book.outcomes), list(book.entries)
    with pytest.raises(
        Conflict, match=r"agent / acme / resolved; the mapping now gives agent / globex"
    ):
        record(book, outcome)
    assert (book.outcomes, book.entries) == (outcomes, entries)


OTHERS = {
    "agent": with_terms(recorded(charge(1, 10), 2), agent_id="other"),
    "customer": with_terms(recorded(charge(1, 10), 2), customer_id="other"),
    "indicator": with_terms(recorded(charge(1, 10), 2), indicator="other"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_each_part_of_the_triple_counts_for_a_conflict(other: Recorded) -> None:
    book = book_of(charge(1, 10))
    with pytest.raises(Conflict):
        decide(book, other, ("x", "y"))


def test_another_currency_is_another_amount() -> None:
    book = book_of(charge(5, 10))
    step = decide(book, with_terms(recorded(charge(3, 10), 2), currency="EUR"), ("x", "y"))
    assert [(entry.amount_micros, entry.currency) for entry in step.entries] == [
        (-10, "USD"),
        (10, "EUR"),
    ]
