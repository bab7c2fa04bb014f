"""What a person's correction does to the book of a key: pure.

Owns that a reversal by hand takes back all that was charged until then, and that a rebilled charge
takes the place of the old one. Refuses to look at prices for a reversal; what the mapping
gives now is decided in `jobs.corrections.remapped`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Literal

from jobs.common.ids import new_id
from jobs.corrections.remapped import MOVED, CorrectionRefused, Origin, RemappedDeliveries
from jobs.ledger.book import KeyBook, time_after
from jobs.ledger.owing import Step, decide, is_billed_as
from jobs.ledger.records import Entry, Provenance, Recorded
from mappings.engine.types import Kind, Outcome, Terms

CorrectionKind = Literal["reverse", "rebill", "reinstate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCharge:
    """A charge that was open when it was looked up, or one that a person named."""

    id: str
    outcome_key: str
    delivery_id: str | None
    rule: str


@dataclass(frozen=True, slots=True)
class CorrectionContext:
    """The action behind a correction, and its time."""

    action_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Correction:
    """What is recorded of one charge, and the lines that it posts.

    `was` was open before, None where nothing was.
    """

    charge: OpenCharge
    was: Entry | None
    step: Step


@dataclass(slots=True)
class Decided:
    """What becomes of some charges: corrected, unchanged, or refused with the reason."""

    corrections: list[Correction] = field(default_factory=list)
    unchanged: int = 0
    refused: list[tuple[OpenCharge, str]] = field(default_factory=list)


def decide_all(
    charges: Iterable[OpenCharge],
    books: Mapping[str, KeyBook],
    correct: Callable[[KeyBook, OpenCharge], Correction | None],
) -> Decided:
    """What `correct` makes of each charge in its book: None where nothing is to be changed.

    What it refuses, with CorrectionRefused, is listed with the reason.
    """
    decided = Decided()
    for charge in charges:
        book = books.get(charge.outcome_key)
        if book is None:
            decided.refused.append((charge, MOVED))
            continue
        try:
            correction = correct(book, charge)
        except CorrectionRefused as refused:
            decided.refused.append((charge, str(refused)))
        else:
            if correction is None:
                decided.unchanged += 1
            else:
                decided.corrections.append(correction)
    return decided


def reverse_all(
    charges: Iterable[OpenCharge], books: Mapping[str, KeyBook], context: CorrectionContext
) -> Decided:
    """Take these charges back in their books; what is no longer open is unchanged."""

    def reverse(book: KeyBook, charge: OpenCharge) -> Correction | None:
        was = book.open_charge
        if was is None or was.id != charge.id:
            return None
        return _correct(book, charge, was, reversal_by_hand(book, was, charge.rule, context))

    return decide_all(charges, books, reverse)


def rebill_all(
    charges: Iterable[OpenCharge],
    books: Mapping[str, KeyBook],
    now: RemappedDeliveries,
    context: CorrectionContext,
) -> Decided:
    """Rebill these charges by what the mapping gives `now` for their deliveries.

    Where another line bills the outcome by now, that line is rebilled, unless a person named the
    delivery to bill from.
    """

    def rebill(book: KeyBook, charge: OpenCharge) -> Correction | None:
        was, owed = book.open_charge, book.owed()
        if was is None:
            raise CorrectionRefused(_taken_back(book.entries[-1]))
        if was.id != charge.id and now.origin is not None:
            raise CorrectionRefused(f"its outcome is billed by {was.id} by now; name that")
        if owed is None:
            raise CorrectionRefused(MOVED)
        outcome = now.charge_for(owed, charge.outcome_key)
        recorded = replacement(book, was, owed, outcome, context.action_id, now.origin)
        return None if recorded is None else _correct(book, charge, was, recorded)

    return decide_all(charges, books, rebill)


def _taken_back(by: Entry) -> str:
    """Why a charge that this line took back cannot be rebilled, and what to do."""
    if by.provenance.delivery_id is None:
        command = f"`receiver reinstate {by.reverses}`"
        return f"it was taken back by hand; bring it back with {command}, then rebill it"
    delivery = by.provenance.delivery_id
    return f"delivery {delivery} took it back: what a vendor takes back is not rebilled"


def _correct(book: KeyBook, charge: OpenCharge, was: Entry, recorded: Recorded) -> Correction:
    return Correction(charge, was, decide(book, recorded, (new_id(), new_id())))


def reversal_by_hand(
    book: KeyBook, open_charge: Entry, rule: str, context: CorrectionContext
) -> Recorded:
    """The reversal of the open charge of this book, at the time of the request.

    A charge may be minutes ahead of the clock: the reversal never precedes one that it takes back,
    nor a copy that would be charged in its place.
    """
    at = time_after(book.last_opening, Kind.REVERSAL, context.at)
    return Recorded(
        id=new_id(),
        key=book.key,
        ordinal=book.last_ordinal + 1,
        rule=rule,
        kind=Kind.REVERSAL,
        occurred_at=at,
        effective_at=at or context.at,
        terms=Terms(**open_charge.terms.triple._asdict()),
        provenance=Provenance(
            source=open_charge.provenance.source,
            delivery_id=None,
            event_index=None,
            mapping_version=None,
        ),
        action_id=context.action_id,
    )


def replacement(
    book: KeyBook,
    open_charge: Entry,
    owed: Recorded,
    now: Outcome,
    action_id: str,
    origin: Origin | None = None,
) -> Recorded | None:
    """The owed charge as the mapping gives it now, in its place; None if that changes nothing.

    `owed` is the outcome whose price the open charge has. `origin` is the delivery that `now` was
    mapped from where a person named another one than that of `owed`.
    """
    provenance = replace(owed.provenance, mapping_version=now.mapping_version)
    if origin is not None:
        provenance = replace(
            provenance,
            source=origin.source,
            delivery_id=origin.id,
            event_index=now.event_index,
        )
    new = replace(
        owed,
        id=new_id(),
        ordinal=book.last_ordinal + 1,
        rule=now.rule,
        terms=now.terms,
        provenance=provenance,
        value=now.value,
        replaces=owed.id,
        place=owed.place or owed.ordinal,
        action_id=action_id,
    )
    return None if is_billed_as(open_charge, new) else new
