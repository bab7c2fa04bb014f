from __future__ import annotations

from datetime import UTC, datetime, timedelta

from jobs.ledger.book import KeyBook
from jobs.ledger.fold import ClaimedDelivery, Settlement, settlement_of
from jobs.privacy.pseudonyms import pseudonymized
from mappings.engine.reasons import Reason
from mappings.engine.types import Failure, Kind, Mapped, Outcome

MORNING = datetime(2026, 3, 1, 8, tzinfo=UTC)


def outcome(key: str, *, customer: str = "acme", index: int = 0) -> Outcome:
    return Outcome(
        event_index=index,
        rule="resolved",
        key=key,
        kind=Kind.CHARGE,
        agent_id="agent",
        customer_id=customer,
        indicator="resolved",
        occurred_at=MORNING,
        amount_micros=990_000,
        currency="USD",
        mapping_version="m",
        price_version="p",
    )


def mapped(*outcomes: Outcome, failures: tuple[Failure, ...] = (), events: int = 1) -> Mapped:
    return Mapped(outcomes=outcomes, failures=failures, events=events)


def fold(books: dict[str, KeyBook], mapped: Mapped, *, number: int = 1) -> Settlement:
    delivery = ClaimedDelivery(
        id=f"delivery-{number}",
        source="crm",
        body=b"",
        headers={},
        received_at=MORNING + timedelta(seconds=number),
        vendor_id=None,
        attempts=1,
    )
    return settlement_of(delivery, pseudonymized(mapped, {}), books)


def test_a_delivery_bills_all_of_its_outcomes() -> None:
    books = {key: KeyBook(key) for key in "ab"}
    settlement = fold(books, mapped(outcome("a"), outcome("b", index=1)))
    assert settlement.state == "recorded"
    assert [step.verdict for step in settlement.steps] == ["charged", "charged"]


def test_one_conflict_takes_back_the_whole_delivery_and_nothing_of_its_neighbours() -> None:
    books = {key: KeyBook(key) for key in "ab"}
    fold(books, mapped(outcome("b", customer="globex")), number=1)
    before = {key: (list(book.outcomes), list(book.entries)) for key, book in books.items()}
    settlement = fold(
        books, mapped(outcome("a"), outcome("a", index=1), outcome("b", index=2)), number=2
    )
    assert (settlement.state, settlement.reason, settlement.held_back) == ("failed", "conflict", 2)
    assert settlement.rule == "resolved"
    assert "(holds back 2 good outcomes)" in (settlement.detail or "")
    after = {key: (list(book.outcomes), list(book.entries)) for key, book in books.items()}
    assert after == before
    later = fold(books, mapped(outcome("a")), number=3)
    assert [step.outcome.ordinal for step in later.steps] == [1]


def test_two_outcomes_of_one_key_in_one_delivery_bill_once() -> None:
    books = {"a": KeyBook("a")}
    settlement = fold(books, mapped(outcome("a"), outcome("a", index=1)))
    assert [step.verdict for step in settlement.steps] == ["charged", "duplicate"]


def test_a_failure_holds_back_the_good_ones_and_counts_them() -> None:
    failure = Failure(reason=Reason.UNMAPPED, detail="no company 7", rule="resolved", event_index=1)
    settlement = fold({}, mapped(outcome("a"), outcome("b"), failures=(failure,), events=3))
    assert (settlement.state, settlement.reason, settlement.rule, settlement.held_back) == (
        "failed",
        "unmapped",
        "resolved",
        2,
    )
    assert settlement.detail == "no company 7 (holds back 2 good outcomes)"
    assert settlement.steps == ()


def test_more_failures_than_one_are_counted() -> None:
    failure = Failure(reason=Reason.UNPRICED, detail="no price")
    settlement = fold({}, mapped(failures=(failure, failure, failure), events=3))
    assert settlement.detail == "no price (2 more of its events fail)"


def test_nothing_matched_counts_the_events() -> None:
    details = [fold({}, mapped(events=events)).detail for events in (0, 1, 100)]
    assert details == [
        "the delivery holds no events",
        "no rule matched its event",
        "no rule matched any of its 100 events",
    ]
    assert fold({}, mapped()).state == "ignored"
    assert fold({}, mapped()).reason == "no-outcome"


def test_a_shadow_delivery_shows_what_it_would_bill_and_touches_no_book() -> None:
    mapped = Mapped(outcomes=(outcome("a"),), failures=(), events=1, shadow=True)
    settlement = fold({}, mapped)
    assert (settlement.state, settlement.reason) == ("ignored", "shadow")
    assert settlement.detail == "would bill charge of agent / acme / resolved 0.99 USD"
    assert settlement.steps == ()


def test_a_shadow_delivery_that_errs_fails_as_it_would_live() -> None:
    failure = Failure(reason=Reason.UNPRICED, detail="no price")
    mapped = Mapped(outcomes=(), failures=(failure,), events=1, shadow=True)
    assert fold({}, mapped).state == "failed"
