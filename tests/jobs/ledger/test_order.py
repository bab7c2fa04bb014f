"""The order of arrival decides nothing: every way to the ledger ends in what the model owes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from jobs.ledger.book import KeyBook
from jobs.ledger.owing import admit, post
from tests.jobs import model
from tests.jobs.builders import book_of, day_of, lines, record, recorded
from tests.jobs.model import Line, ModelOutcome, charge, latest, reinstatement, reversal

fresh = itertools.count()


def reversed_at(at: int) -> ModelOutcome:
    return replace(reversal(at), by_hand=True)


def reinstated_at(at: int) -> ModelOutcome:
    return replace(reinstatement(at), by_hand=True)


#: What is recorded of a key: every sequence of these, repeats included, up to a length.
ALPHABETS: dict[str, tuple[list[ModelOutcome], int]] = {
    "charges at three times and two prices, and reversals": (
        [
            *(charge(second, micros) for second in (1, 3, 5) for micros in (10, 20)),
            reversal(2),
            reversal(3),
        ],
        5,
    ),
    "by latest, at two times and two prices": (
        [
            *(latest(second, micros) for second in (1, 3) for micros in (10, 20)),
            reversal(2),
            reversal(3),
        ],
        5,
    ),
    "reinstatements": (
        [
            charge(1, 10),
            charge(4, 20),
            reversal(2),
            reversal(4),
            reinstatement(3),
            reinstatement(4),
        ],
        5,
    ),
    "reversed and reinstated by hand, and by a vendor": (
        [
            charge(1, 10),
            charge(5, 20),
            reversal(2),
            reversal(4),
            reversed_at(3),
            reinstated_at(6),
            reinstatement(6),
        ],
        5,
    ),
    "reinstatements, by latest": (
        [
            latest(1, 10),
            latest(4, 20),
            latest(4, 10),
            reversal(2),
            reversal(4),
            reinstatement(3),
        ],
        5,
    ),
    "both rules in one key": (
        [charge(1, 10), charge(3, 20), latest(1, 30), latest(3, 40), reversal(2), reinstatement(4)],
        5,
    ),
    "some of them untimed": (
        [
            charge(2, 10),
            charge(None, 10),
            charge(None, 20),
            reversal(1),
            reversal(3),
            reversal(None),
            reinstatement(None),
        ],
        4,
    ),
}
UNTIMED = [charge(None, 10), charge(None, 20), reversal(None)]


def every_arrival(
    outcomes: Sequence[ModelOutcome], longest: int
) -> Iterator[tuple[tuple[ModelOutcome, ...], KeyBook]]:
    """Every sequence of these outcomes up to that length, repeats included, with its book.

    A sequence's book is carried on for all that begin with it, and is only theirs until then.
    """
    book = KeyBook("key")

    def continued(
        heard: tuple[ModelOutcome, ...],
    ) -> Iterator[tuple[tuple[ModelOutcome, ...], KeyBook]]:
        for outcome in outcomes:
            posted = len(record(book, outcome).entries)
            history = (*heard, outcome)
            yield history, book
            if len(history) < longest:
                yield from continued(history)
            book.undo(posted=posted)

    return continued(())


def assert_as_owed(heard: Sequence[ModelOutcome], ledger: Sequence[Line]) -> Line | None:
    """The open line, which is what the model owes in full."""
    standing, due = model.open_line(ledger), model.owes(heard)
    assert model.is_billed_as_owed(standing, due, day=day_of(due)), heard
    return standing


def money_of(line: Line | None) -> tuple[object, ...] | None:
    """All of a line that a person sees: amount, currency, customer and day."""
    return None if line is None else (line.micros, line.currency, line.billed_as, line.at)


@pytest.mark.parametrize(("outcomes", "longest"), ALPHABETS.values(), ids=ALPHABETS.keys())
def test_every_order_of_up_to_five_outcomes_ends_in_the_same_open_line(
    outcomes: list[ModelOutcome], longest: int
) -> None:
    ends: dict[tuple[str, ...], set[object]] = {}
    for heard, book in every_arrival(outcomes, longest):
        standing = assert_as_owed(heard, lines(book.entries))
        if model.is_decided_by_times(heard):
            same_outcomes = tuple(sorted(map(repr, heard)))
            ends.setdefault(same_outcomes, set()).add(money_of(standing))
    assert all(len(found) == 1 for found in ends.values())
    assert len(ends) > 200


def test_every_order_of_untimed_outcomes_charges_and_reverses_at_most_once() -> None:
    for heard, book in every_arrival(UNTIMED, 6):
        assert_as_owed(heard, lines(book.entries))
        kinds = [entry.kind for entry in book.entries]
        assert kinds in ([], ["charge"], ["charge", "reversal"]), heard


#: What is recorded of one key in one or more transactions.
TOGETHER: dict[str, list[ModelOutcome]] = {
    "first": [charge(1, 10), charge(2, 20), charge(3, 10), reversal(2), reinstatement(4)],
    "latest": [latest(1, 10), latest(2, 20), latest(2, 10), reversal(2), reinstatement(4)],
}


@pytest.mark.parametrize("outcomes", TOGETHER.values(), ids=TOGETHER.keys())
def test_however_outcomes_are_split_into_transactions_the_open_line_is_the_same(
    outcomes: list[ModelOutcome],
) -> None:
    for heard in itertools.product(outcomes, repeat=4):
        for cuts in itertools.product([False, True], repeat=3):
            book = KeyBook("key")
            for part in split(heard, cuts):
                settle_together(book, part)
            assert_as_owed(heard, lines(book.entries))


def split(heard: Sequence[ModelOutcome], cuts: Sequence[bool]) -> list[list[ModelOutcome]]:
    """The outcomes in parts, which end where a cut is."""
    parts: list[list[ModelOutcome]] = [[]]
    for outcome, is_cut in zip(heard, (*cuts, False), strict=True):
        parts[-1].append(outcome)
        if is_cut:
            parts.append([])
    return parts


def settle_together(book: KeyBook, outcomes: Sequence[ModelOutcome]) -> None:
    """Record these in one transaction."""
    first = len(book.outcomes) + 1
    new = [recorded(outcome, number) for number, outcome in enumerate(outcomes, first)]
    for one in new:
        admit(book, one)
    post(book, new, fresh_id)


def fresh_id() -> str:
    return f"line-{next(fresh)}"


COPIES: dict[str, tuple[list[ModelOutcome], list[int]]] = {
    "copies of a month's last minute and the next one's first": (
        [charge(61, 10), charge(59, 10), charge(61, 10), charge(60, 10)],
        [10],
    ),
    "amounts that are corrected at once, by latest": (
        [latest(3, 30), latest(1, 10), latest(2, 20), latest(3, 30)],
        [30],
    ),
    "a history out of order": (
        [charge(5, 50), reversal(2), charge(1, 10), reinstatement(3), reversal(4)],
        [10, -10, 10, -10, 50],
    ),
}


@pytest.mark.parametrize(("outcomes", "amounts"), COPIES.values(), ids=COPIES.keys())
def test_what_is_settled_together_posts_no_line_that_it_takes_back_at_once(
    outcomes: list[ModelOutcome], amounts: list[int]
) -> None:
    for order in itertools.permutations(outcomes):
        book = KeyBook("key")
        settle_together(book, order)
        assert [entry.amount_micros for entry in book.entries] == amounts
        assert_as_owed(order, lines(book.entries))


def test_amounts_of_one_time_that_come_together_post_the_last_received() -> None:
    book = KeyBook("key")
    settle_together(book, [latest(1, micros) for micros in (10, 30, 20)])
    assert [entry.amount_micros for entry in book.entries] == [20]


def test_late_news_of_a_key_that_is_open_posts_its_result_alone() -> None:
    book = book_of(charge(12, 10), reversal(20), charge(21, 10))
    settle_together(book, [reversal(11), charge(10, 5), reversal(19)])
    assert len(book.entries) == 3
