"""Any history of a key ends in what the model owes, and posts nothing twice."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import assume, given, strategies as st

from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Conflict, Step, Verdict, admit, post
from jobs.ledger.records import Recorded
from mappings.engine.types import Kind
from tests.jobs import model
from tests.jobs.builders import day_of, lines, record, recorded
from tests.jobs.model import ModelOutcome, charge, reinstatement, reversal

SECONDS = st.one_of(st.none(), st.integers(0, 6))
OUTCOME = st.one_of(
    st.builds(
        charge,
        SECONDS,
        st.sampled_from([0, 10, 20]),
        st.sampled_from(["acme", "acme", "globex"]),
        st.sampled_from(["first", "latest"]),
    ),
    st.builds(reversal, SECONDS),
    st.builds(reinstatement, SECONDS),
)


@given(st.lists(OUTCOME, max_size=9))
def test_any_history_ends_in_what_the_model_owes(history: list[ModelOutcome]) -> None:
    book = KeyBook("key")
    heard: list[ModelOutcome] = []
    for outcome in history:
        new = replace(outcome)  # the model tells outcomes apart by identity
        if model.conflicts(heard, new):
            before = (list(book.outcomes), list(book.entries))
            with pytest.raises(Conflict):
                record(book, new)
            assert before == (book.outcomes, book.entries)
            continue
        step = record(book, new)
        heard.append(new)
        assert_as_owed(book, heard)
        posted = [entry.kind for entry in step.entries]
        assert posted in ([], [Kind.CHARGE], [Kind.REVERSAL], [Kind.REVERSAL, Kind.CHARGE])


@given(st.lists(OUTCOME, max_size=5), st.lists(OUTCOME, max_size=7))
def test_what_is_settled_together_ends_in_what_the_model_owes(
    before: list[ModelOutcome], together: list[ModelOutcome]
) -> None:
    book = KeyBook("key")
    heard: list[ModelOutcome] = []
    new = []
    for number, outcome in enumerate([*before, *together]):
        arriving = recorded(outcome, len(heard) + 1)
        try:
            admit(book, arriving)
        except Conflict:
            continue
        heard.append(outcome)
        new.append(arriving)
        if number < len(before):
            post_all(book, new)
            new = []
    steps = post_all(book, new)
    assert_as_owed(book, heard)
    assert_truthful(book, new, steps)


def post_all(book: KeyBook, new: list[Recorded]) -> list[Step]:
    numbers = itertools.count(len(book.entries))
    return post(book, new, lambda: f"line-{next(numbers)}")


def assert_as_owed(book: KeyBook, heard: list[ModelOutcome]) -> None:
    standing, due = model.open_line(lines(book.entries)), model.owes(heard)
    assert model.is_billed_as_owed(standing, due, day=day_of(due))


def assert_truthful(book: KeyBook, new: list[Recorded], steps: list[Step]) -> None:
    """Each verdict that posts names a line of its own; each line is of an outcome of the key."""
    posted = {line.id: line for line in book.entries}
    for outcome, step in zip(new, steps, strict=True):
        line = posted.get(step.billing_event_id or "")
        if step.verdict in (Verdict.CHARGED, Verdict.REVERSED):
            assert line is not None
            assert line.outcome_id == outcome.id
            assert line.kind == (Kind.REVERSAL if outcome.kind is Kind.REVERSAL else Kind.CHARGE)
        elif step.verdict is Verdict.DUPLICATE:
            assert line is None or line.kind is Kind.CHARGE
        else:
            assert line is None
    verdicts = {one.id: step.verdict for one, step in zip(new, steps, strict=True)}
    for line in (entry for step in steps for entry in step.entries):
        of = verdicts.get(line.outcome_id)
        assert of in (Verdict.CHARGED, Verdict.REVERSED, None)


@given(st.lists(OUTCOME, max_size=6))
def test_saying_it_all_again_posts_nothing(history: list[ModelOutcome]) -> None:
    """By `latest` the last received of one time counts, an amount that comes back included."""
    assume(model.is_decided_by_times([outcome for outcome in history if outcome.rule == "latest"]))
    book = KeyBook("key")
    kept = []
    for outcome in history:
        try:
            record(book, outcome)
        except Conflict:
            continue
        kept.append(outcome)
    posted = list(book.entries)
    for outcome in kept:
        assert record(book, outcome).entries == ()
    assert book.entries == posted
