"""A reversal by hand taken back: pure.

Owns that a reinstatement by hand brings back what a person took back last, at its amount and day,
and that what a vendor took back stays so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import replace

from jobs.common.ids import new_id
from jobs.corrections.manual import (
    Correction,
    CorrectionContext,
    Decided,
    OpenCharge,
    decide_all,
)
from jobs.corrections.remapped import MOVED, CorrectionRefused
from jobs.ledger.book import KeyBook, time_after
from jobs.ledger.owing import Step, decide
from jobs.ledger.records import Entry, Recorded
from mappings.engine.types import AmountRule, Kind, Terms


def reinstate_all(
    charges: Iterable[OpenCharge],
    named: Mapping[str, Set[str]],
    books: Mapping[str, KeyBook],
    context: CorrectionContext,
) -> Decided:
    """Bring back what was taken back by hand last of the keys of these charges.

    `named` has for a key the lines of it that a person named, if any were.
    """

    def reinstate(book: KeyBook, charge: OpenCharge) -> Correction | None:
        lines = named.get(charge.outcome_key, frozenset())
        step = _reinstate(book, lines, charge.rule, context)
        return None if step is None else Correction(charge, None, step)

    return decide_all(charges, books, reinstate)


def _reinstate(
    book: KeyBook, named: Set[str], rule: str, context: CorrectionContext
) -> Step | None:
    """What a reinstatement of this key does; None where its charge is open already.

    Raises CorrectionRefused.
    """
    if not book.entries:
        raise CorrectionRefused(MOVED)
    last = book.entries[-1]
    if last.kind is Kind.CHARGE:
        if named and last.id not in named and not _is_restored(book, last):
            raise CorrectionRefused(
                f"its outcome is billed by {last.id} by now: nothing is to be brought back"
            )
        return None
    _refuse_reversal_of_vendor(book)
    if named and not named & _taken_back(book):
        raise CorrectionRefused(
            f"its outcome was billed again since: {last.reverses} was taken back last"
        )
    step = decide(book, reinstatement_by_hand(book, rule, context), (new_id(), new_id()))
    if not step.entries:
        book.undo()
        raise CorrectionRefused(MOVED)
    return step


def _taken_back(book: KeyBook) -> set[str]:
    """The last reversal and its charge, and what was brought back as that charge."""
    names: set[str] = set()
    entries = list(book.entries)
    while entries:
        reversal, charge = entries.pop(), entries.pop()
        names |= {reversal.id, charge.id}
        if not _is_restored(book, charge):
            break
    return names


def _is_restored(book: KeyBook, charge: Entry) -> bool:
    """Whether a reinstatement brought this charge back."""
    return charge.outcome_id in {each.id for each in book.timeline.reinstatements}


def _refuse_reversal_of_vendor(book: KeyBook) -> None:
    """A vendor's reversal stays in force, also one that came late and stands before a person's."""
    reversals = book.timeline.reversals
    if reversals[-1].action_id is not None and book.timeline.remembered[-1].is_closing:
        return
    by_vendor = (each.provenance for each in reversed(reversals) if each.action_id is None)
    delivery_id = next((provenance.delivery_id for provenance in by_vendor), None)
    raise CorrectionRefused(
        f"delivery {delivery_id} took it back: only what a person took back is"
        " reinstated; a later charge of the vendor bills it again, or a rule with `reinstates`"
    )


def reinstatement_by_hand(book: KeyBook, rule: str, context: CorrectionContext) -> Recorded:
    """What brings back the charge that the last reversal of this book took, as requested.

    It has the provenance of that charge, so that the line can be traced to its evidence.
    """
    last, charge = book.timeline.reversals[-1], book.timeline.remembered[-1].charge
    if charge is None:
        raise CorrectionRefused(MOVED)
    at = time_after(last, Kind.REINSTATEMENT, context.at)
    return replace(
        charge,
        id=new_id(),
        ordinal=book.last_ordinal + 1,
        kind=Kind.REINSTATEMENT,
        occurred_at=at,
        effective_at=at or context.at,
        rule=rule,
        terms=Terms(**charge.terms.triple._asdict()),
        value=None,
        amount_rule=AmountRule.FIRST,
        replaces=None,
        place=None,
        action_id=context.action_id,
    )
