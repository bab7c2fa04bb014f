"""Folding mapped deliveries into key books: pure.

Owns that a delivery bills all of its outcomes or none: deliveries are admitted one after another,
and the outcomes of one that fails are removed from the books without touching its neighbours. Then
each key posts once for all that was admitted. Used by settling, which writes the result, and by
dry runs and backtests, which do not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain

from jobs.common.failure_groups import group_id
from jobs.common.ids import new_id
from jobs.common.money import money
from jobs.common.states import NO_OUTCOME, SHADOW, DeliveryState
from jobs.ledger.book import KeyBook
from jobs.ledger.owing import Conflict, Step, admit, post
from jobs.ledger.records import Arrival, Provenance, Recorded
from jobs.privacy.pseudonyms import Pseudonymized
from mappings.engine.reasons import Reason
from mappings.engine.types import Failure, Mapped, Outcome

#: So many outcomes of a shadow delivery are named.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery claimed for settling. `attempts` includes this one.

    `claimed_at` is by the database's clock; None: no later than it was received.
    """

    id: str
    source: str
    body: bytes
    headers: Mapping[str, str]
    received_at: datetime
    vendor_id: str | None
    attempts: int
    redacted: int = 0
    claimed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """What a delivery settles as, and what it records."""

    state: str
    reason: str | None = None
    detail: str | None = None
    rule: str | None = None
    held_back: int = 0
    group: str | None = None
    steps: tuple[Step, ...] = field(default=(), compare=False)


def settlement_of(
    delivery: ClaimedDelivery, mapped: Pseudonymized, books: Mapping[str, KeyBook]
) -> Settlement:
    """Decide one delivery on these books; add its outcomes to them if it is `recorded`."""
    return settlements_of([(delivery, mapped)], books)[delivery.id]


def settlements_of(
    deliveries: Iterable[tuple[ClaimedDelivery, Pseudonymized]], books: Mapping[str, KeyBook]
) -> dict[str, Settlement]:
    """Decide these together, admitted in this order; add to the books what is `recorded`."""
    admitted = {delivery.id: _admit(delivery, mapped, books) for delivery, mapped in deliveries}
    by_key: dict[str, list[Recorded]] = defaultdict(list)
    for _settlement, outcomes in admitted.values():
        for outcome in outcomes:
            by_key[outcome.key].append(outcome)
    posted = (post(books[key], outcomes, new_id) for key, outcomes in by_key.items())
    steps = {step.outcome.id: step for step in chain.from_iterable(posted)}
    return {
        delivery_id: replace(settlement, steps=tuple(steps[outcome.id] for outcome in outcomes))
        for delivery_id, (settlement, outcomes) in admitted.items()
    }


#: What a delivery settles as so far, and its outcomes in the books.
_Admitted = tuple[Settlement, Sequence[Recorded]]


def _admit(
    delivery: ClaimedDelivery, mapped: Pseudonymized, books: Mapping[str, KeyBook]
) -> _Admitted:
    if mapped.failures:
        return _failed(delivery, mapped.failures, held_back=len(mapped.outcomes)), ()
    if not mapped.outcomes:
        return Settlement(DeliveryState.IGNORED, NO_OUTCOME, _nothing_matched(mapped)), ()
    if mapped.shadow:
        detail = f"would bill {_summary(mapped.outcomes)}"
        return Settlement(DeliveryState.IGNORED, SHADOW, detail), ()
    return _record(delivery, mapped.outcomes, books)


def _record(
    delivery: ClaimedDelivery, outcomes: Sequence[Outcome], books: Mapping[str, KeyBook]
) -> _Admitted:
    admitted: list[Recorded] = []
    for outcome in outcomes:
        book = books[outcome.key]
        recorded = _recorded(outcome, delivery, ordinal=book.last_ordinal + 1)
        try:
            admit(book, recorded)
        except Conflict as conflict:
            _undo(admitted, books)
            failure = Failure(
                reason=Reason.CONFLICT,
                detail=f"rule {outcome.rule}, key {outcome.key}: {conflict}",
                rule=outcome.rule,
                event_index=outcome.event_index,
            )
            return _failed(delivery, [failure], held_back=len(outcomes) - 1), ()
        admitted.append(recorded)
    return Settlement(DeliveryState.RECORDED), admitted


def _recorded(outcome: Outcome, delivery: ClaimedDelivery, *, ordinal: int) -> Recorded:
    return Recorded(
        id=new_id(),
        key=outcome.key,
        ordinal=ordinal,
        rule=outcome.rule,
        kind=outcome.kind,
        occurred_at=outcome.occurred_at,
        effective_at=outcome.occurred_at or delivery.received_at,
        terms=outcome.terms,
        provenance=Provenance(
            source=delivery.source,
            delivery_id=delivery.id,
            event_index=outcome.event_index,
            mapping_version=outcome.mapping_version,
        ),
        value=outcome.value,
        amount_rule=outcome.amount_rule,
        arrival=Arrival(delivery.received_at, delivery.id, outcome.event_index),
    )


def _undo(admitted: Sequence[Recorded], books: Mapping[str, KeyBook]) -> None:
    for outcome in reversed(admitted):
        books[outcome.key].undo()


def _failed(
    delivery: ClaimedDelivery, failures: Sequence[Failure], *, held_back: int
) -> Settlement:
    first = failures[0]
    detail = first.detail
    if len(failures) > 1:
        detail += f" ({len(failures) - 1} more of its events fail)"
    if held_back:
        outcomes = "outcome" if held_back == 1 else "outcomes"
        detail += f" (holds back {held_back} good {outcomes})"
    group = group_id(delivery.source, first.reason.value, first.rule, detail)
    return Settlement(
        DeliveryState.FAILED, first.reason.value, detail, first.rule, held_back, group
    )


def _nothing_matched(mapped: Mapped) -> str:
    if not mapped.events:
        return "the delivery holds no events"
    events = "its event" if mapped.events == 1 else f"any of its {mapped.events} events"
    return f"no rule matched {events}"


def _summary(outcomes: Sequence[Outcome]) -> str:
    """The first few outcomes in words."""
    shown = [
        f"{outcome.kind.value} of {outcome.triple}"
        + (
            f" {money(outcome.amount_micros)} {outcome.currency}"
            if outcome.amount_micros is not None
            else ""
        )
        for outcome in outcomes[:SHOWN]
    ]
    more = f" and {len(outcomes) - SHOWN} more" if len(outcomes) > SHOWN else ""
    return "; ".join(shown) + more
