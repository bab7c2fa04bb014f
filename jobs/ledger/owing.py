"""What a key owes, and what to post so that its ledger agrees: pure decisions.

Owns the rule that any order of arrival ends in the same open charge. Refuses to touch a
database; `jobs.ledger.repository` loads what is decided on here and writes what it decides.

In order of time a charge opens, or under `amount: latest` replaces, a reversal closes and
remembers, and a reinstatement opens what is remembered; `jobs.ledger.timeline` keeps that order. A
key without mapped times is therefore charged, reversed and reinstated at most once each. A
correction by hand is an outcome like any other; see `jobs.corrections.manual`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from operator import attrgetter

from jobs.ledger.book import KeyBook
from jobs.ledger.records import Entry, Recorded
from jobs.ledger.timeline import Held
from mappings.engine.types import AmountRule, Kind


class Verdict(StrEnum):
    """What settling made of an outcome."""

    CHARGED = "charged"
    REVERSED = "reversed"
    DUPLICATE = "duplicate"  # its interval has a charge already
    SUPERSEDED = "superseded"  # a later outcome of the key already decided otherwise
    WAITING = "waiting"  # a reversal or reinstatement that finds nothing to act on yet


class Conflict(Exception):
    """The key already has a charge for another agent, customer or indicator."""


@dataclass(frozen=True, slots=True)
class Step:
    """An outcome with its verdict, the lines that it posts, and the line that answers for it."""

    outcome: Recorded
    verdict: Verdict
    entries: tuple[Entry, ...]
    billing_event_id: str | None


def decide(book: KeyBook, outcome: Recorded, new_ids: Sequence[str]) -> Step:
    """Record one outcome and post what is missing; raise Conflict, book unchanged.

    `new_ids` are two fresh ids for the lines that may be posted.
    """
    admit(book, outcome)
    (step,) = post(book, [outcome], iter(new_ids).__next__)
    return step


def admit(book: KeyBook, outcome: Recorded) -> None:
    """Record an outcome and post nothing yet; raise Conflict, book unchanged.

    One other charge of an interval stands for all of them: each was admitted by this. A
    replacement by hand corrects the triple, too.
    """
    if outcome.kind is Kind.CHARGE and outcome.replaces is None:
        other = book.timeline.charge_in_same_interval(outcome)
        if other is not None and other.terms.triple != outcome.terms.triple:
            message = (
                f"the same outcome is already recorded for {other.terms.triple};"
                f" the mapping now gives {outcome.terms.triple}"
            )
            raise Conflict(message)
    book.record(outcome)


def post(book: KeyBook, new: Sequence[Recorded], new_id: Callable[[], str]) -> list[Step]:
    """Post what is missing for the outcomes that were admitted last; their steps, in their order.

    They are processed in the order of time, so that copies that arrive together post one line.
    """
    for outcome in new:
        book.timeline.remove(outcome)
    steps: dict[str, Step] = {}
    for group in _in_groups(book, new):
        steps |= _post_group(book, group, new_id)
    return [steps[outcome.id] for outcome in new]


def begin_with_owed(book: KeyBook, new_id: str) -> None:
    """Add to a book without lines the line that its outcomes owe."""
    held = book.held()
    if held is not None:
        book.entries.append(_charge_line(held.charge, held.charge, new_id, 1))


def _in_groups(book: KeyBook, new: Sequence[Recorded]) -> list[list[Recorded]]:
    """The outcomes by time, cut before each reversal or reinstatement that continues the timeline.

    History that continues the timeline is posted step by step; what comes late, or replaces one
    another, is posted as its result.
    """
    groups: list[list[Recorded]] = [[]]
    for outcome in sorted(new, key=attrgetter("sort_key")):
        if outcome.kind is not Kind.CHARGE and book.timeline.is_latest(outcome.sort_key):
            groups.append([])
        groups[-1].append(outcome)
    return [group for group in groups if group]


def _post_group(
    book: KeyBook, group: Sequence[Recorded], new_id: Callable[[], str]
) -> dict[str, Step]:
    continuing = set()
    for outcome in group:
        if book.timeline.is_latest(outcome.sort_key):
            continuing.add(outcome.id)
        book.timeline.add(outcome)
    posted = _missing(book, group, new_id)
    book.entries.extend(entry for entries in posted.values() for entry in entries)
    return {
        outcome.id: _step(
            book, outcome, posted.get(outcome.id, ()), continues=outcome.id in continuing
        )
        for outcome in group
    }


def _missing(
    book: KeyBook, group: Sequence[Recorded], new_id: Callable[[], str]
) -> dict[str, tuple[Entry, ...]]:
    """The lines that make the ledger agree with what the key owes, by the outcome that causes them.

    A difference that nothing in the group causes stays: before amounts had rules, a line kept its
    day when an earlier charge of the same amount arrived.
    """
    held, open_charge = book.held(), book.open_charge
    if open_charge is not None and held is not None and is_billed_as(open_charge, held.charge):
        return {}
    closing = None if open_charge is None else _closing(book, group, open_charge)
    opening = None if held is None else _opening(held, group, is_closed=closing is not None)
    reversing, charging = closing or opening, opening or closing
    if reversing is None or charging is None:
        return {}
    posted: dict[str, tuple[Entry, ...]] = {}
    sequence = len(book.entries)
    if open_charge is not None:
        sequence += 1
        posted[reversing.id] = (_reversal_line(open_charge, reversing, new_id(), sequence),)
    if held is not None:
        shown = charging if charging.kind is Kind.REINSTATEMENT else held.charge
        line = _charge_line(held.charge, shown, new_id(), sequence + 1)
        posted[charging.id] = (*posted.get(charging.id, ()), line)
    return posted


def _closing(book: KeyBook, group: Sequence[Recorded], open_charge: Entry) -> Recorded | None:
    """The reversal of the group that takes the open charge back.

    Of several, that is the first which closes what the ledger bills, or else the first that
    closes anything.
    """
    timeline, closing = book.timeline, None
    for outcome in group:
        if outcome.kind is Kind.REVERSAL:
            held = timeline.held(timeline.interval_of(outcome))
            if held is not None and is_billed_as(open_charge, held.charge):
                return outcome
            closes = held is not None or timeline.keeps_closed(outcome)
            closing = closing or (outcome if closes else None)
    return closing


def _opening(held: Held, group: Sequence[Recorded], *, is_closed: bool) -> Recorded | None:
    """The outcome of the group that makes its key owe this charge.

    That is the charge itself, the reinstatement that brings it back, or one further back that
    changed what is remembered; none where a reversal of the group uncovered it.
    """
    members = {outcome.id: outcome for outcome in group}
    opening = members.get(held.charge.id) or members.get(held.by.id)
    if opening is None and not is_closed:
        latest_first = reversed(group)
        return next((each for each in latest_first if each.kind is Kind.REINSTATEMENT), None)
    return opening


def is_billed_as(open_charge: Entry, due: Recorded) -> bool:
    """Whether the open charge is what is due: amount and currency, triple, and time.

    By `latest` the last received of untimed copies is due, and the first of them gave the day.
    """
    any_day = due.occurred_at is None and due.amount_rule is AmountRule.LATEST
    return open_charge.terms.bill == due.terms.bill and (
        any_day or open_charge.occurred_at == due.effective_at
    )


def _charge_line(due: Recorded, cause: Recorded, entry_id: str, sequence: int) -> Entry:
    """The charge that is due, with its own provenance or that of its reinstatement."""
    if None in (due.terms.amount_micros, due.terms.currency, *due.terms.triple):
        message = f"charge {due.id} lacks its triple or amount"
        raise AssertionError(message)
    return Entry(
        id=entry_id,
        key=due.key,
        sequence=sequence,
        kind=Kind.CHARGE,
        reverses=None,
        occurred_at=due.effective_at,
        outcome_id=cause.id,
        terms=due.terms,
        provenance=cause.provenance,
    )


def _reversal_line(open_charge: Entry, cause: Recorded, entry_id: str, sequence: int) -> Entry:
    """Negate the stored amount of the open charge.

    Where the cause is no reversal (another charge is due) the line falls on the day of the charge
    that it takes back, so that no period shows a change that never happened.
    """
    by_reversal = cause.kind is Kind.REVERSAL
    return Entry(
        id=entry_id,
        key=open_charge.key,
        sequence=sequence,
        kind=Kind.REVERSAL,
        reverses=open_charge.id,
        occurred_at=cause.effective_at if by_reversal else open_charge.occurred_at,
        outcome_id=cause.id,
        terms=replace(open_charge.terms, amount_micros=-open_charge.amount_micros),
        provenance=cause.provenance,
    )


_LINE_OF = {
    Kind.CHARGE: (Kind.CHARGE, Verdict.CHARGED),
    Kind.REVERSAL: (Kind.REVERSAL, Verdict.REVERSED),
    Kind.REINSTATEMENT: (Kind.CHARGE, Verdict.CHARGED),
}


def _step(book: KeyBook, outcome: Recorded, posted: tuple[Entry, ...], *, continues: bool) -> Step:
    """`continues`: nothing on the timeline was as late when it was recorded."""
    kind, verdict = _LINE_OF[outcome.kind]
    for entry in posted:
        if entry.kind is kind and entry.outcome_id == outcome.id:
            return Step(outcome, verdict, posted, entry.id)
    if _is_duplicate(book, outcome):
        is_open = book.timeline.interval_of(outcome) == len(book.timeline.reversals)
        open_charge = book.open_charge if is_open else None
        answering = open_charge.id if open_charge is not None else None
        return Step(outcome, Verdict.DUPLICATE, posted, answering)
    waits = continues and outcome.kind is not Kind.CHARGE
    return Step(outcome, Verdict.WAITING if waits else Verdict.SUPERSEDED, posted, None)


def _is_duplicate(book: KeyBook, outcome: Recorded) -> bool:
    """Whether something else bills in the interval of a charge or reinstatement."""
    if outcome.kind is Kind.CHARGE:
        return book.timeline.charge_in_same_interval(outcome) is not None
    if outcome.kind is Kind.REINSTATEMENT:
        return book.timeline.held(book.timeline.interval_of(outcome)) is not None
    return False
