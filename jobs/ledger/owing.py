"""What a key owes, and what to post so that its ledger says so: pure decisions.

Owns the rule that any order of arrival ends in the same open charge. Refuses to touch a
database; `jobs.ledger.keybook` loads what is decided on here and writes what it decides.

A key owes nothing if its latest outcome is a reversal, else the price of the earliest charge
after its last reversal. A key without mapped times is so charged at most once and reversed at
most once. What a person corrects by hand is an outcome like any other; see
`jobs.corrections.byhand`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from jobs.ledger.book import Entry, KeyBook, Recorded
from mappings.types import Kind


class Verdict(StrEnum):
    """What settling made of an outcome."""

    CHARGED = "charged"
    REVERSED = "reversed"
    DUPLICATE = "duplicate"  # its stretch has a charge already
    SUPERSEDED = "superseded"  # a later outcome of the key says otherwise already
    WAITING = "waiting"  # a reversal whose charge has not come yet


class Conflict(Exception):
    """The key already has a charge for another agent, customer or indicator."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one outcome did: its verdict, the lines it posts, the line that answers for it."""

    verdict: Verdict
    entries: tuple[Entry, ...]
    billing_event_id: str | None


def decide(book: KeyBook, outcome: Recorded, new_ids: Sequence[str]) -> Step:
    """Record `outcome` in `book` and post what is missing; raise Conflict, book unchanged.

    `new_ids` are two fresh ids for the lines that may be posted.
    """
    company = book.company_of(outcome) if outcome.kind is Kind.CHARGE else None
    if outcome.replaces is None:  # else a person corrects who is billed, too
        _refuse_conflict(outcome, company)
    is_latest = book.is_latest(outcome.moment)
    book.record(outcome)
    posted = _missing(book, outcome, new_ids)
    book.entries.extend(posted)
    if outcome.kind is Kind.REVERSAL:
        return _reversal_step(posted, is_latest=is_latest)
    return _charge_step(book, outcome, posted, has_company=company is not None)


def begin_with_owed(book: KeyBook, new_id: str) -> None:
    """Give a book of which no lines are known the one that its outcomes owe."""
    due = book.owed()
    if due is not None:
        book.entries.append(_charge_line(due, new_id, 1))


def _refuse_conflict(charge: Recorded, company: Recorded | None) -> None:
    """The charge owed in a stretch speaks for all: they were let in by this, or it replaces one."""
    if company is not None and company.billed_as != charge.billed_as:
        first = " / ".join(str(part) for part in company.billed_as)
        now = " / ".join(str(part) for part in charge.billed_as)
        message = f"the same outcome is already recorded for {first}, now it says {now}"
        raise Conflict(message)


def _missing(book: KeyBook, cause: Recorded, new_ids: Sequence[str]) -> tuple[Entry, ...]:
    """The lines that make the ledger say what the key owes now."""
    due = book.owed()
    standing = book.open_charge
    if standing is not None and due is not None and is_billed_as(standing, due):
        return ()
    lines: list[Entry] = []
    sequence = len(book.entries)
    if standing is not None:
        sequence += 1
        lines.append(_reversal_line(standing, cause, new_ids[0], sequence))
    if due is not None:
        lines.append(_charge_line(due, new_ids[1], sequence + 1))
    return tuple(lines)


def is_billed_as(standing: Entry, due: Recorded) -> bool:
    """Whether the open charge is what is due: amount and currency, for the same triple."""
    return (
        standing.amount_micros == due.amount_micros
        and standing.currency == due.currency
        and (standing.agent_id, standing.customer_id, standing.indicator) == due.billed_as
    )


def _charge_line(due: Recorded, entry_id: str, sequence: int) -> Entry:
    if (
        due.agent_id is None
        or due.customer_id is None
        or due.indicator is None
        or due.amount_micros is None
        or due.currency is None
    ):
        message = f"charge {due.id} lacks its triple or amount"
        raise AssertionError(message)
    return Entry(
        id=entry_id,
        sequence=sequence,
        kind=Kind.CHARGE,
        reverses=None,
        agent_id=due.agent_id,
        customer_id=due.customer_id,
        indicator=due.indicator,
        amount_micros=due.amount_micros,
        currency=due.currency,
        occurred_at=due.effective_at,
        source=due.source,
        delivery_id=due.delivery_id,
        event_index=due.event_index,
        outcome_id=due.id,
        mapping_version=due.mapping_version,
        price_version=due.price_version,
        meta_tags=due.meta_tags,
    )


def _reversal_line(standing: Entry, cause: Recorded, entry_id: str, sequence: int) -> Entry:
    """Negate the stored amount of the open charge.

    Caused by a charge (another price is due) the reversal falls on the day of the charge it
    takes back, so that no period shows a change that never happened.
    """
    by_reversal = cause.kind is Kind.REVERSAL
    return Entry(
        id=entry_id,
        sequence=sequence,
        kind=Kind.REVERSAL,
        reverses=standing.id,
        agent_id=standing.agent_id,
        customer_id=standing.customer_id,
        indicator=standing.indicator,
        amount_micros=-standing.amount_micros,
        currency=standing.currency,
        occurred_at=cause.effective_at if by_reversal else standing.occurred_at,
        source=cause.source,
        delivery_id=cause.delivery_id,
        event_index=cause.event_index,
        outcome_id=cause.id,
        mapping_version=cause.mapping_version,
        price_version=standing.price_version,
        meta_tags=standing.meta_tags,
    )


def _reversal_step(posted: tuple[Entry, ...], *, is_latest: bool) -> Step:
    if posted and posted[0].kind is Kind.REVERSAL:
        return Step(Verdict.REVERSED, posted, posted[0].id)
    return Step(Verdict.WAITING if is_latest else Verdict.SUPERSEDED, posted, None)


def _charge_step(
    book: KeyBook, charge: Recorded, posted: tuple[Entry, ...], *, has_company: bool
) -> Step:
    if posted and posted[-1].outcome_id == charge.id:
        return Step(Verdict.CHARGED, posted, posted[-1].id)
    standing = book.open_charge
    if has_company:
        return Step(Verdict.DUPLICATE, posted, standing.id if standing is not None else None)
    return Step(Verdict.SUPERSEDED, posted, None)
