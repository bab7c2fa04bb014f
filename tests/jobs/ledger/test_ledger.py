from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.ledger.book import KeyBook, Recorded
from jobs.ledger.owing import Conflict, Verdict, decide
from mappings.types import Kind
from tests.jobs import model
from tests.jobs.builders import RECEIVED, at, lines, recorded, tell, told
from tests.jobs.model import Said, charge, reversal

#: What came before, what comes now, its verdict, and the amounts it posts, in order.
VERDICTS: dict[str, tuple[list[Said], Said, Verdict, list[int]]] = {
    "a first charge is charged": ([], charge(1, 10), Verdict.CHARGED, [10]),
    "the same charge again is a duplicate": (
        [charge(1, 10)],
        charge(1, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "a later charge is a duplicate whatever its price": (
        [charge(1, 10)],
        charge(2, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "a charge of the same time at another price is a duplicate: the first recorded stands": (
        [charge(1, 10)],
        charge(1, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "an earlier charge at another price replaces the later one": (
        [charge(5, 10)],
        charge(3, 8),
        Verdict.CHARGED,
        [-10, 8],
    ),
    "an earlier charge at the same price posts nothing": (
        [charge(5, 10)],
        charge(3, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "a reversal takes the charge back": (
        [charge(1, 10)],
        reversal(2),
        Verdict.REVERSED,
        [-10],
    ),
    "a reversal at the charge's own time takes it back": (
        [charge(1, 10)],
        reversal(1),
        Verdict.REVERSED,
        [-10],
    ),
    "a charge at the time of a known reversal posts nothing": (
        [reversal(1)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a reversal before its charge waits": ([], reversal(2), Verdict.WAITING, []),
    "a charge older than a known reversal posts nothing": (
        [reversal(2)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a charge after a waiting reversal is charged": (
        [reversal(2)],
        charge(3, 10),
        Verdict.CHARGED,
        [10],
    ),
    "a charge after a reversal opens the key again": (
        [charge(1, 10), reversal(2)],
        charge(3, 12),
        Verdict.CHARGED,
        [12],
    ),
    "a late copy of an old reversal is superseded": (
        [charge(1, 10), reversal(2), charge(3, 12)],
        reversal(2),
        Verdict.SUPERSEDED,
        [],
    ),
    "a copy of the reversal that closed the key is superseded": (
        [charge(1, 10), reversal(2)],
        reversal(2),
        Verdict.SUPERSEDED,
        [],
    ),
    "an old reversal between two charges of one price moves nothing": (
        [charge(1, 10), charge(5, 10)],
        reversal(3),
        Verdict.SUPERSEDED,
        [],
    ),
    "an old reversal between two charges of two prices leaves the later one": (
        [charge(1, 10), charge(5, 12)],
        reversal(3),
        Verdict.REVERSED,
        [-10, 12],
    ),
    "a late first charge of a closed stretch posts nothing": (
        [reversal(2), charge(3, 12)],
        charge(1, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a late second charge of a closed stretch is a duplicate": (
        [charge(1, 10), reversal(3)],
        charge(2, 12),
        Verdict.DUPLICATE,
        [],
    ),
    "another customer's charge after a reversal is charged": (
        [charge(1, 10, "acme"), reversal(2)],
        charge(3, 10, "globex"),
        Verdict.CHARGED,
        [10],
    ),
    "an untimed charge is charged": ([], charge(None, 10), Verdict.CHARGED, [10]),
    "an untimed charge again is a duplicate at any price": (
        [charge(None, 10)],
        charge(None, 99),
        Verdict.DUPLICATE,
        [],
    ),
    "an untimed reversal takes an untimed charge back": (
        [charge(None, 10)],
        reversal(None),
        Verdict.REVERSED,
        [-10],
    ),
    "an untimed charge after an untimed reversal posts nothing": (
        [charge(None, 10), reversal(None)],
        charge(None, 10),
        Verdict.DUPLICATE,
        [],
    ),
    "an untimed reversal before its charge waits": ([], reversal(None), Verdict.WAITING, []),
    "an untimed reversal is later than any time": (
        [charge(9, 10)],
        reversal(None),
        Verdict.REVERSED,
        [-10],
    ),
    "a timed charge after an untimed reversal posts nothing": (
        [reversal(None)],
        charge(9, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "an untimed charge is earlier than any time": (
        [reversal(1)],
        charge(None, 10),
        Verdict.SUPERSEDED,
        [],
    ),
    "a free charge is a charge": ([], charge(1, 0), Verdict.CHARGED, [0]),
    "a free charge is taken back too": ([charge(1, 0)], reversal(2), Verdict.REVERSED, [0]),
}


@pytest.mark.parametrize(
    ("before", "said", "verdict", "amounts"), VERDICTS.values(), ids=VERDICTS.keys()
)
def test_verdict(before: list[Said], said: Said, verdict: Verdict, amounts: list[int]) -> None:
    book = told(*before)
    lines_before = len(book.entries)
    step = tell(book, said)
    assert step.verdict is verdict
    assert [entry.amount_micros for entry in step.entries] == amounts
    assert book.entries[lines_before:] == list(step.entries)
    model.open_line(lines(book.entries))


CONFLICTS: dict[str, tuple[list[Said], Said]] = {
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


@pytest.mark.parametrize(("before", "said"), CONFLICTS.values(), ids=CONFLICTS.keys())
def test_a_charge_for_somebody_else_between_the_same_reversals_is_refused(
    before: list[Said], said: Said
) -> None:
    book = told(*before)
    outcomes, entries = list(book.outcomes), list(book.entries)
    with pytest.raises(Conflict, match=r"agent / acme / resolved, now it says agent / globex"):
        tell(book, said)
    assert (book.outcomes, book.entries) == (outcomes, entries)


OTHERS = {
    "agent": replace(recorded(charge(1, 10), 2), agent_id="other"),
    "customer": replace(recorded(charge(1, 10), 2), customer_id="other"),
    "indicator": replace(recorded(charge(1, 10), 2), indicator="other"),
}


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_each_part_of_the_triple_counts_for_a_conflict(other: Recorded) -> None:
    book = told(charge(1, 10))
    with pytest.raises(Conflict):
        decide(book, other, ("x", "y"))


def test_another_currency_is_another_amount() -> None:
    book = told(charge(5, 10))
    step = decide(book, replace(recorded(charge(3, 10), 2), currency="EUR"), ("x", "y"))
    assert [(entry.amount_micros, entry.currency) for entry in step.entries] == [
        (-10, "USD"),
        (10, "EUR"),
    ]


def test_a_charge_line_carries_what_its_outcome_said() -> None:
    outcome = recorded(charge(1, 10), 1)
    line = decide(KeyBook("key"), outcome, ("x", "y")).entries[0]
    assert (line.agent_id, line.customer_id, line.indicator) == ("agent", "acme", "resolved")
    assert (line.occurred_at, line.source) == (at(1), "crm")
    assert (line.delivery_id, line.event_index, line.outcome_id) == ("delivery-1", 0, "outcome-1")
    assert (line.mapping_version, line.price_version) == ("mapping-1", "prices-1")
    assert line.meta_tags == {"n": "1"}


def test_an_untimed_charge_occurred_when_it_was_received() -> None:
    book = told(charge(None, 10))
    assert book.entries[0].occurred_at == RECEIVED


def test_a_reversal_line_names_the_delivery_that_caused_it_and_the_time_it_says() -> None:
    book = told(charge(1, 10), reversal(7))
    line = book.entries[1]
    assert (line.delivery_id, line.outcome_id, line.occurred_at) == (
        "delivery-2",
        "outcome-2",
        at(7),
    )
    assert (line.agent_id, line.customer_id, line.indicator) == ("agent", "acme", "resolved")
    assert line.price_version == "prices-1"


def test_a_change_of_price_falls_on_the_day_of_the_charge_it_takes_back() -> None:
    book = told(charge(5, 10), charge(3, 8))
    _, taken_back, right = book.entries
    assert (taken_back.kind, taken_back.occurred_at) == (Kind.REVERSAL, at(5))
    assert (right.kind, right.occurred_at) == (Kind.CHARGE, at(3))


def test_a_charge_brought_back_names_its_own_delivery_not_the_reversal_that_uncovered_it() -> None:
    book = told(charge(1, 10), charge(5, 12), reversal(3))
    assert [(line.amount_micros, line.delivery_id) for line in book.entries] == [
        (10, "delivery-1"),
        (-10, "delivery-3"),
        (12, "delivery-2"),
    ]


def test_a_reversal_never_looks_at_its_own_triple_or_price() -> None:
    book = told(charge(1, 10))
    odd = replace(
        recorded(reversal(2), 2), agent_id="other", customer_id="other", amount_micros=777
    )
    (line,) = decide(book, odd, ("x", "y")).entries
    assert (line.amount_micros, line.agent_id, line.customer_id) == (-10, "agent", "acme")


def test_a_verdict_points_at_the_line_that_answers_for_it() -> None:
    book = KeyBook("key")
    charged = tell(book, charge(1, 10))
    assert charged.billing_event_id == charged.entries[0].id
    assert tell(book, charge(2, 10)).billing_event_id == charged.entries[0].id
    taken_back = tell(book, reversal(3))
    assert taken_back.billing_event_id == taken_back.entries[0].id
    assert tell(book, charge(1, 10)).billing_event_id is None
    assert tell(book, reversal(3)).billing_event_id is None


def test_a_replacement_points_at_its_own_charge() -> None:
    book = told(charge(5, 10))
    step = tell(book, charge(3, 8))
    assert step.billing_event_id == step.entries[1].id


SAID = st.one_of(
    st.builds(
        charge,
        st.one_of(st.none(), st.integers(0, 6)),
        st.sampled_from([0, 10, 20]),
        st.sampled_from(["acme", "globex"]),
    ),
    st.builds(reversal, st.one_of(st.none(), st.integers(0, 6))),
)


@given(st.lists(SAID, max_size=9))
def test_any_history_ends_in_what_the_model_owes(history: list[Said]) -> None:
    book = KeyBook("key")
    heard: list[Said] = []
    for said in history:
        if model.conflicts(heard, said):
            before = (list(book.outcomes), list(book.entries))
            with pytest.raises(Conflict):
                tell(book, said)
            assert before == (book.outcomes, book.entries)
            continue
        step = tell(book, said)
        heard.append(said)
        standing, due = model.open_line(lines(book.entries)), model.owes(heard)
        assert (standing is None) == (due is None)
        if standing is not None and due is not None:
            assert (standing.micros, standing.billed_as) == (due.micros, due.billed_as)
        posted = [entry.kind for entry in step.entries]
        assert posted in ([], [Kind.CHARGE], [Kind.REVERSAL], [Kind.REVERSAL, Kind.CHARGE])


@given(st.lists(SAID, max_size=6))
def test_saying_it_all_again_posts_nothing(history: list[Said]) -> None:
    book = KeyBook("key")
    kept = []
    for said in history:
        try:
            tell(book, said)
        except Conflict:
            continue
        kept.append(said)
    posted = list(book.entries)
    for said in kept:
        assert tell(book, said).entries == ()
    assert book.entries == posted
