"""What a person's correction does to the book of a key: pure.

Owns that a reversal by hand takes back all that was charged until then, and that a rebilled charge
takes the place of the old one. Refuses to look at prices for a reversal; what the mapping
gives now is decided in `jobs.corrections.remapped`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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


def reverse_all(
    charges: Iterable[OpenCharge], books: Mapping[str, KeyBook], context: CorrectionContext
) -> Decided:
    """Take these charges back in their books; what is no longer open is unchanged."""
    decided = Decided()
    for charge in charges:
        book = books.get(charge.outcome_key)
        if book is None:
            decided.refused.append((charge, MOVED))
        elif (was := _open_line(book, charge)) is None:
            decided.unchanged += 1
        else:
            recorded = reversal_by_hand(book, was, charge.rule, context)
            decided.corrections.append(_correct(book, charge, was, recorded))
    return decided


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
    decided = Decided()
    for charge in charges:
        book = books.get(charge.outcome_key)
        was = None if book is None else book.open_charge
        if book is None:
            decided.refused.append((charge, MOVED))
        elif was is None:
            decided.refused.append((charge, _taken_back(book.entries[-1])))
        elif was.id != charge.id and now.origin is not None:
            why = f"its outcome is billed by {was.id} by now; name that"
            decided.refused.append((charge, why))
        else:
            _rebill(book, charge, was, now, context, decided)
    return decided


def _taken_back(by: Entry) -> str:
    """Why a charge that this line took back cannot be rebilled, and what to do."""
    if by.provenance.delivery_id is None:
        command = f"`receiver reinstate {by.reverses}`"
        return f"it was taken back by hand; bring it back with {command}, then rebill it"
    delivery = by.provenance.delivery_id
    return f"delivery {delivery} took it back: what a vendor takes back is not rebilled"


def _rebill(
    book: KeyBook,
    charge: OpenCharge,
    was: Entry,
    now: RemappedDeliveries,
    context: CorrectionContext,
    decided: Decided,
) -> None:
    owed = book.owed()
    if owed is None:
        decided.refused.append((charge, MOVED))
        return
    try:
        outcome = now.charge_for(owed, charge.outcome_key)
    except CorrectionRefused as refused:
        decided.refused.append((charge, str(refused)))
        return
    recorded = replacement(book, was, owed, outcome, context.action_id, now.origin)
    if recorded is None:
        decided.unchanged += 1
    else:
        decided.corrections.append(_correct(book, charge, was, recorded))


def _open_line(book: KeyBook, charge: OpenCharge) -> Entry | None:
    """The line of this charge, if it is still open."""
    was = book.open_charge
    return was if was is not None and was.id == charge.id else None


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
