"""Short ways to write the records of `jobs` in tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.corrections.manual import CorrectionContext, OpenCharge, replacement, reversal_by_hand
from jobs.corrections.reinstatement import reinstate_all
from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Step, decide
from jobs.ledger.records import Arrival, Entry, Provenance, Recorded
from mappings.engine.types import AmountRule, Kind, Outcome, Terms
from tests.jobs.model import Line, ModelOutcome

#: The second 0 of every made-up line.
DAWN = datetime(2026, 3, 1, 12, tzinfo=UTC)
RECEIVED = datetime(2026, 3, 2, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    """A place on the line as a time."""
    return None if seconds is None else DAWN + timedelta(seconds=seconds)


def day_of(due: ModelOutcome | None) -> datetime | None:
    """When a charge occurred for its line: as mapped, or when it was received."""
    return None if due is None else at(due.at) or RECEIVED


def recorded(outcome: ModelOutcome, ordinal: int) -> Recorded:
    """An outcome of the model, as the ledger takes it."""
    is_charge = outcome.kind == "charge"
    return Recorded(
        id=f"outcome-{ordinal}",
        key="key",
        ordinal=ordinal,
        rule="resolved",
        kind=Kind(outcome.kind),
        occurred_at=at(outcome.at),
        effective_at=at(outcome.at) or RECEIVED,
        terms=Terms(
            agent_id="agent" if is_charge else None,
            customer_id=outcome.billed_as if is_charge else None,
            indicator="resolved" if is_charge else None,
            amount_micros=outcome.micros,
            currency="USD" if is_charge else None,
            price_version=f"prices-{ordinal}" if is_charge else None,
            meta_tags={"n": str(ordinal)},
        ),
        provenance=Provenance(
            source="crm",
            delivery_id=f"delivery-{ordinal}",
            event_index=0,
            mapping_version=f"mapping-{ordinal}",
        ),
        amount_rule=AmountRule(outcome.rule),
        arrival=Arrival(RECEIVED, f"delivery-{outcome.received or ordinal:09}", 0),
        action_id="action" if outcome.by_hand else None,
    )


def with_terms(outcome: Recorded, **changes: Any) -> Recorded:
    """The outcome on other terms."""
    return replace(outcome, terms=replace(outcome.terms, **changes))


def remapped_to(micros: int, billed_as: str = "acme") -> Outcome:
    """What the mapping gives for a charge's delivery when a person asks again."""
    return Outcome(
        event_index=0,
        rule="resolved",
        key="key",
        kind=Kind.CHARGE,
        agent_id="agent",
        customer_id=billed_as,
        indicator="resolved",
        occurred_at=None,
        amount_micros=micros,
        currency="USD",
        meta_tags={"n": "now"},
        mapping_version="mapping-now",
        price_version="prices-now",
    )


def rebill(book: KeyBook, micros: int, billed_as: str = "acme") -> Step | None:
    """Bill the open charge again, by hand; None if nothing is open, or nothing would change."""
    open_charge, owed = book.open_charge, book.owed()
    if open_charge is None or owed is None:
        return None
    new = replacement(book, open_charge, owed, remapped_to(micros, billed_as), "action")
    return None if new is None else decide(book, new, _ids(book))


def reverse(book: KeyBook, now: float) -> Step | None:
    """Take the open charge back, by hand; None if nothing is open."""
    open_charge = book.open_charge
    if open_charge is None:
        return None
    context = CorrectionContext("action", DAWN + timedelta(seconds=now))
    return decide(book, reversal_by_hand(book, open_charge, "resolved", context), _ids(book))


def reinstate(book: KeyBook, now: float) -> Step | None:
    """Bring back what was taken back by hand; None if that is refused, or nothing was."""
    charge = OpenCharge(id="charge", outcome_key=book.key, delivery_id=None, rule="resolved")
    context = CorrectionContext("action", DAWN + timedelta(seconds=now))
    decided = reinstate_all([charge], {}, {book.key: book}, context)
    return decided.corrections[0].step if decided.corrections else None


def _ids(book: KeyBook) -> tuple[str, str]:
    number = len(book.outcomes) + 1
    return (f"line-{number}a", f"line-{number}b")


def record(book: KeyBook, outcome: ModelOutcome) -> Step:
    """Record one more outcome in the book."""
    number = len(book.outcomes) + 1
    return decide(book, recorded(outcome, number), _ids(book))


def book_of(*history: ModelOutcome) -> KeyBook:
    """A book with these recorded, in this order."""
    book = KeyBook("key")
    for outcome in history:
        record(book, outcome)
    return book


def lines(entries: Sequence[Entry]) -> list[Line]:
    """The ledger as the model reads it."""
    return [
        Line(
            id=entry.id,
            sequence=entry.sequence,
            kind=entry.kind.value,
            reverses=entry.reverses,
            micros=entry.amount_micros,
            currency=entry.currency,
            billed_as=str(entry.terms.customer_id),
            at=entry.occurred_at,
        )
        for entry in entries
    ]
