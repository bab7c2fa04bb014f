"""What a line of the ledger carries: terms, provenance and day."""

from __future__ import annotations

from dataclasses import replace

from jobs.ledger.book import KeyBook
from jobs.ledger.owing import decide
from mappings.engine.types import Kind
from tests.jobs.builders import RECEIVED, at, book_of, record, recorded, with_terms
from tests.jobs.model import charge, reinstatement, reversal


def test_a_charge_line_carries_the_terms_of_its_outcome() -> None:
    outcome = recorded(charge(1, 10), 1)
    line = decide(KeyBook("key"), outcome, ("x", "y")).entries[0]
    assert line.terms.triple == ("agent", "acme", "resolved")
    assert (line.occurred_at, line.provenance.source) == (at(1), "crm")
    assert line.provenance == outcome.provenance
    assert (line.provenance.delivery_id, line.provenance.event_index) == ("delivery-1", 0)
    assert line.outcome_id == "outcome-1"
    assert (line.provenance.mapping_version, line.terms.price_version) == ("mapping-1", "prices-1")
    assert line.terms.meta_tags == {"n": "1"}


def test_an_untimed_charge_occurred_when_it_was_received() -> None:
    book = book_of(charge(None, 10))
    assert book.entries[0].occurred_at == RECEIVED


def test_a_reversal_line_names_the_delivery_that_caused_it_and_its_time() -> None:
    book = book_of(charge(1, 10), reversal(7))
    line = book.entries[1]
    assert (line.provenance.delivery_id, line.outcome_id, line.occurred_at) == (
        "delivery-2",
        "outcome-2",
        at(7),
    )
    assert line.terms.triple == ("agent", "acme", "resolved")
    assert line.terms.price_version == "prices-1"


def test_a_change_of_price_falls_on_the_day_of_the_charge_it_takes_back() -> None:
    book = book_of(charge(5, 10), charge(3, 8))
    _, taken_back, right = book.entries
    assert (taken_back.kind, taken_back.occurred_at) == (Kind.REVERSAL, at(5))
    assert (right.kind, right.occurred_at) == (Kind.CHARGE, at(3))


def test_a_charge_at_its_own_day_replaces_one_of_another_day_at_the_same_amount() -> None:
    book = book_of(charge(5, 10), charge(3, 10))
    assert [(line.kind, line.occurred_at) for line in book.entries] == [
        (Kind.CHARGE, at(5)),
        (Kind.REVERSAL, at(5)),
        (Kind.CHARGE, at(3)),
    ]


def test_a_reinstated_charge_has_the_amount_and_day_of_what_it_brings_back() -> None:
    book = book_of(charge(1, 10), reversal(5), reinstatement(9))
    first, _, line = book.entries
    assert (line.kind, line.amount_micros, line.currency) == (Kind.CHARGE, 10, "USD")
    assert line.terms.triple == ("agent", "acme", "resolved")
    assert line.occurred_at == first.occurred_at == at(1)
    assert line.terms == first.terms
    assert (
        line.outcome_id,
        line.provenance.delivery_id,
        line.provenance.mapping_version,
    ) == ("outcome-3", "delivery-3", "mapping-3")


def test_a_ledger_of_an_older_version_keeps_its_day_until_something_changes_what_is_owed() -> None:
    book = book_of(charge(3, 10))
    book.entries[0] = replace(book.entries[0], occurred_at=RECEIVED)
    assert record(book, charge(3, 10)).entries == ()
    assert [line.amount_micros for line in record(book, reversal(6)).entries] == [-10]


def test_a_charge_brought_back_names_its_own_delivery_not_the_reversal_that_uncovered_it() -> None:
    book = book_of(charge(1, 10), charge(5, 12), reversal(3))
    assert [(line.amount_micros, line.provenance.delivery_id) for line in book.entries] == [
        (10, "delivery-1"),
        (-10, "delivery-3"),
        (12, "delivery-2"),
    ]


def test_a_reversal_never_looks_at_its_own_triple_or_price() -> None:
    book = book_of(charge(1, 10))
    odd = with_terms(
        recorded(reversal(2), 2), agent_id="other", customer_id="other", amount_micros=777
    )
    (line,) = decide(book, odd, ("x", "y")).entries
    assert line.amount_micros == -10
    assert line.terms.triple == ("agent", "acme", "resolved")


def test_a_verdict_points_at_the_line_that_answers_for_it() -> None:
    book = KeyBook("key")
    charged = record(book, charge(1, 10))
    assert charged.billing_event_id == charged.entries[0].id
    assert record(book, charge(2, 10)).billing_event_id == charged.entries[0].id
    taken_back = record(book, reversal(3))
    assert taken_back.billing_event_id == taken_back.entries[0].id
    assert record(book, charge(1, 10)).billing_event_id is None
    assert record(book, reversal(3)).billing_event_id is None


def test_a_replacement_points_at_its_own_charge() -> None:
    book = book_of(charge(5, 10))
    step = record(book, charge(3, 8))
    assert step.billing_event_id == step.entries[1].id
