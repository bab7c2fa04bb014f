"""What a person corrects by hand, in a key's book: it ends as if it had been recorded so."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, strategies as st

from jobs.corrections.remapped import CorrectionRefused, charge_now
from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Conflict, Step, Verdict
from jobs.ledger.records import Provenance
from jobs.privacy.pseudonyms import pseudonymized
from mappings.engine.reasons import Reason
from mappings.engine.types import Failure, Kind, Mapped, Outcome
from tests.jobs import model
from tests.jobs.builders import (
    RECEIVED,
    at,
    book_of,
    day_of,
    lines,
    rebill,
    record,
    reinstate,
    remapped_to,
    reverse,
)
from tests.jobs.model import ModelOutcome, charge, latest, reinstatement, reversal


@dataclass(frozen=True, slots=True)
class Rebill:
    """A person has the open charge billed again: the mapping gives this now."""

    micros: int
    billed_as: str = "acme"


@dataclass(frozen=True, slots=True)
class Reverse:
    """A person takes the open charge back at this second."""

    now: int


@dataclass(frozen=True, slots=True)
class Reinstate:
    """A person takes the last reversal by hand back at this second."""

    now: int


Move = ModelOutcome | Rebill | Reverse | Reinstate


def make(book: KeyBook, move: Move) -> Step | None:
    """Let it happen to the book; None if it changes nothing or is refused."""
    if isinstance(move, Rebill):
        return rebill(book, move.micros, move.billed_as)
    if isinstance(move, Reverse):
        return reverse(book, move.now)
    if isinstance(move, Reinstate):
        return reinstate(book, move.now)
    try:
        return record(book, move)
    except Conflict:
        return None


def in_words(moves: Sequence[Move]) -> list[ModelOutcome]:
    """The history that the model knows after these; it never sees a book."""
    heard: list[ModelOutcome] = []
    for move in moves:
        if isinstance(move, ModelOutcome):
            outcome = replace(move)  # of its own, so that the model tells it from its likes
            if not model.conflicts(heard, outcome):
                heard.append(outcome)
        elif isinstance(move, Reinstate):
            heard = model.reinstated_by_hand(heard, move.now) or heard
        elif model.owes(heard) is None:
            continue
        elif isinstance(move, Rebill):
            heard = model.rebilled(heard, move.micros, move.billed_as)
        else:
            heard = model.reversed_by_hand(heard, move.now)
    return heard


def assert_as_in_words(book: KeyBook, moves: Sequence[Move]) -> None:
    standing, due = model.open_line(lines(book.entries)), model.owes(in_words(moves))
    assert model.is_billed_as_owed(standing, due, day=day_of(due)), moves


ALPHABETS: dict[str, list[Move]] = {
    "timed": [charge(1, 10), charge(3, 20), reversal(2), Rebill(30), Reverse(2), Reverse(9)],
    "one moment": [charge(1, 10), charge(1, 20), reversal(1), Rebill(20), Rebill(30), Reverse(0)],
    "untimed": [charge(None, 10), reversal(None), Rebill(30), Rebill(10), Reverse(5)],
    "taken back and brought back": [
        charge(1, 10),
        charge(3, 20),
        reversal(2),
        Rebill(30),
        Reverse(4),
        Reinstate(5),
    ],
    "untimed and brought back": [
        charge(None, 10),
        reversal(None),
        reinstatement(None),
        Rebill(30),
        Reverse(5),
        Reinstate(6),
    ],
    "the latest amount": [
        latest(1, 10),
        latest(3, 20),
        reversal(2),
        Rebill(30),
        Reverse(4),
        Reinstate(0),
    ],
    "brought back by the vendor too": [
        charge(1, 10),
        reversal(2),
        reinstatement(3),
        Rebill(30),
        Reverse(2),
        Reinstate(4),
    ],
    "for another customer": [
        charge(1, 10, "acme"),
        charge(2, 10, "globex"),
        reversal(1),
        Rebill(10, "globex"),
        Rebill(10, "acme"),
        Reverse(1),
    ],
}


@pytest.mark.parametrize("moves", ALPHABETS.values(), ids=ALPHABETS.keys())
def test_every_interleaving_with_corrections_ends_as_the_model_does(moves: list[Move]) -> None:
    for made in _sequences(moves, 5):
        book = KeyBook("key")
        for move in made:
            make(book, move)
        assert_as_in_words(book, made)


def _sequences(moves: Sequence[Move], longest: int) -> Iterator[tuple[Move, ...]]:
    for length in range(1, longest + 1):
        yield from itertools.product(moves, repeat=length)


SECONDS = st.one_of(st.none(), st.integers(0, 5))
WHO = st.sampled_from(["acme", "acme", "globex"])
MOVES = st.lists(
    st.one_of(
        st.builds(
            charge, SECONDS, st.sampled_from([10, 20]), WHO, st.sampled_from(["first", "latest"])
        ),
        st.builds(reversal, SECONDS),
        st.builds(reinstatement, SECONDS),
        st.builds(Rebill, st.sampled_from([0, 10, 20, 30]), WHO),
        st.builds(Reverse, st.integers(0, 6)),
        st.builds(Reinstate, st.integers(0, 6)),
    ),
    max_size=9,
)


@given(MOVES)
def test_any_history_with_corrections_ends_as_the_words_say(moves: list[Move]) -> None:
    book = KeyBook("key")
    for number, move in enumerate(moves, 1):
        make(book, move)
        assert_as_in_words(book, moves[:number])


@given(MOVES, MOVES.filter(bool), MOVES)
def test_a_correction_that_was_taken_back_was_never_there(
    before: list[Move], taken_back: list[Move], after: list[Move]
) -> None:
    untouched, touched = KeyBook("key"), KeyBook("key")
    for book in (untouched, touched):
        for move in before:
            make(book, move)
    steps = [step for move in taken_back if (step := make(touched, move)) is not None]
    for step in reversed(steps):
        touched.undo(posted=len(step.entries))
    assert _without_ids(touched) == _without_ids(untouched)
    assert len(touched.outcomes) == len(untouched.outcomes)
    for move in after:
        make(untouched, move)
        make(touched, move)
    assert _without_ids(touched) == _without_ids(untouched)


def _without_ids(book: KeyBook) -> list[model.Line]:
    return [replace(line, id="", reverses=None) for line in lines(book.entries)]


@given(MOVES)
def test_a_book_made_of_what_is_recorded_decides_as_the_one_that_heard_it(
    moves: list[Move],
) -> None:
    book = KeyBook("key")
    for move in moves:
        make(book, move)
        again = KeyBook(
            book.key, list(book.outcomes), list(book.entries), last_ordinal=book.last_ordinal
        )
        assert (again.owed(), again.open_charge) == (book.owed(), book.open_charge)


def test_a_reversal_by_hand_occurs_when_it_is_made_and_negates_what_is_stored() -> None:
    book = book_of(charge(1, 10))
    step = reverse(book, 7)
    assert step is not None
    (line,) = step.entries
    assert step.verdict is Verdict.REVERSED
    assert (line.kind, line.amount_micros, line.occurred_at) == (Kind.REVERSAL, -10, at(7))
    assert line.provenance == Provenance(
        source="crm", delivery_id=None, event_index=None, mapping_version=None
    )
    assert line.terms.triple == ("agent", "acme", "resolved")


def test_a_reversal_by_hand_is_not_before_a_charge_that_is_ahead_of_the_clock() -> None:
    book = book_of(charge(9, 10))
    reverse(book, 7)
    assert book.outcomes[-1].occurred_at == at(9)
    assert book.open_charge is None


def test_a_reversal_by_hand_takes_back_the_copies_that_would_come_in_its_place() -> None:
    book = book_of(charge(1, 10), charge(9, 12))
    reverse(book, 7)
    assert book.open_charge is None
    assert book.owed() is None


@pytest.mark.parametrize("second", [1, None], ids=["timed", "untimed"])
def test_what_was_reversed_by_hand_is_not_billed_by_a_later_copy(second: int | None) -> None:
    book = book_of(charge(second, 10))
    reverse(book, 7)
    assert record(book, charge(second, 10)).entries == ()
    assert reverse(book, 8) is None


def test_a_later_charge_opens_the_key_again_after_a_reversal_by_hand() -> None:
    book = book_of(charge(1, 10))
    reverse(book, 7)
    assert [line.amount_micros for line in record(book, charge(8, 12)).entries] == [12]


@pytest.mark.parametrize("second", [5, None], ids=["timed", "untimed"])
def test_a_charge_rebilled_falls_on_the_day_of_the_old(second: int | None) -> None:
    book = book_of(charge(second, 10))
    step = rebill(book, 30, "globex")
    assert step is not None
    day = at(second) or RECEIVED
    taken_back, right = step.entries
    assert step.verdict is Verdict.CHARGED
    assert (taken_back.amount_micros, taken_back.terms.customer_id, taken_back.occurred_at) == (
        -10,
        "acme",
        day,
    )
    assert (right.amount_micros, right.terms.customer_id, right.occurred_at) == (30, "globex", day)
    assert (right.provenance.delivery_id, right.provenance.mapping_version) == (
        "delivery-1",
        "mapping-now",
    )
    assert right.terms.meta_tags == {"n": "now"}


def test_a_charge_may_be_rebilled_again_and_again() -> None:
    book = book_of(charge(5, 10), charge(5, 11))
    for micros in (30, 10, 40):
        rebill(book, micros)
    assert [one.amount_micros for one in book.entries] == [10, -10, 30, -30, 10, -10, 40]
    assert rebill(book, 40) is None


def test_what_is_owed_is_rebilled_though_the_line_names_a_later_delivery() -> None:
    book = book_of(charge(5, 10), charge(3, 10))
    rebill(book, 30)
    assert book.outcomes[-1].provenance.delivery_id == "delivery-2"
    assert (book.entries[-1].amount_micros, book.entries[-1].occurred_at) == (30, at(3))


def test_an_earlier_charge_stands_before_one_that_was_rebilled() -> None:
    book = book_of(charge(5, 10))
    rebill(book, 30)
    record(book, charge(3, 20))
    assert book.entries[-1].amount_micros == 20


NOW = remapped_to(10)
MATCHED = Mapped(outcomes=(NOW,), failures=(), events=1)


def test_the_one_charge_of_the_key_is_what_the_mapping_gives_now() -> None:
    other: Outcome = replace(NOW, key="another")
    undone = replace(NOW, kind=Kind.REVERSAL)
    mapped = pseudonymized(replace(MATCHED, outcomes=(other, undone, NOW)), {})
    assert charge_now(mapped, "key", 0) is NOW


UNPRICED = Failure(reason=Reason.UNPRICED, detail="no price")


def test_neither_another_event_that_fails_now_nor_one_of_the_same_key_is_in_the_way() -> None:
    neighbours = (replace(NOW, event_index=1), NOW, replace(NOW, event_index=2))
    failure = replace(UNPRICED, event_index=3)
    mapped = Mapped(outcomes=neighbours, failures=(failure,), events=4)
    assert charge_now(pseudonymized(mapped, {}), "key", 0) is NOW


def test_a_delivery_that_is_billed_from_gives_the_key_in_whatever_event() -> None:
    third = replace(NOW, event_index=2)
    failure = replace(UNPRICED, event_index=0)
    mapped = pseudonymized(Mapped(outcomes=(third,), failures=(failure,), events=3), {})
    assert charge_now(mapped, "key", None) is third
    with pytest.raises(CorrectionRefused, match="its event fails now as unpriced: no price"):
        charge_now(mapped, "another", None)


@pytest.mark.parametrize(
    ("mapped", "why"),
    [
        pytest.param(replace(MATCHED, outcomes=()), "gives no charge of the key key", id="none"),
        pytest.param(
            replace(MATCHED, outcomes=(replace(NOW, key="other"),)), "no charge", id="another key"
        ),
        pytest.param(
            replace(MATCHED, outcomes=(replace(NOW, kind=Kind.REVERSAL),)),
            "no charge",
            id="a reversal",
        ),
        pytest.param(replace(MATCHED, outcomes=(NOW, NOW)), "gives 2 charges", id="two"),
        pytest.param(replace(MATCHED, shadow=True), "shadow mode", id="in shadow"),
        pytest.param(
            replace(MATCHED, failures=(UNPRICED,)),
            "the delivery fails now as unpriced: no price",
            id="failing",
        ),
        pytest.param(
            replace(MATCHED, failures=(replace(UNPRICED, event_index=0),)),
            "its event fails now as unpriced: no price",
            id="another rule of its event failing",
        ),
        pytest.param(
            replace(MATCHED, outcomes=(replace(NOW, event_index=1),)),
            "no charge of the key key now for its event; `--from DELIVERY`",
            id="another event",
        ),
    ],
)
def test_what_the_mapping_does_not_give_exactly_once_is_refused(mapped: Mapped, why: str) -> None:
    with pytest.raises(CorrectionRefused, match=why):
        charge_now(pseudonymized(mapped, {}), "key", 0)
