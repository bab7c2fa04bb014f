"""Folding mapped deliveries into key books: pure.

Owns that a delivery bills all of its outcomes or none: deliveries are admitted one after another,
and one that fails has its outcomes taken back without touching its neighbours. Then each key posts
once for all that was admitted. Shared by settling (which then writes) and dry run (which not).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from jobs.common.failure_groups import group_id
from jobs.common.ids import new_id
from jobs.common.money import money
from jobs.common.states import NO_OUTCOME, SHADOW, DeliveryState
from jobs.ledger.book import Arrival, KeyBook, Recorded
from jobs.ledger.owing import Conflict, Step, admit, post
from jobs.privacy.pseudonyms import Pseudonymized
from mappings.engine.types import Failure, Mapped, Outcome, Reason

#: Outcomes of a shadow delivery that are named.
SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedDelivery:
    """A delivery taken up for settling. `attempts` counts this one too.

    `claimed_at` is when, by the database's clock; None: no later than it was received.
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
    """What a delivery settles as, and what it posts."""

    state: str
    reason: str | None = None
    detail: str | None = None
    rule: str | None = None
    held_back: int = 0
    group: str | None = None
    steps: tuple[tuple[Outcome, Recorded, Step], ...] = field(default=(), compare=False)


def recorded_from(
    outcome: Outcome, *, ordinal: int, source: str, delivery_id: str, received_at: datetime
) -> Recorded:
    """What the mapping said, given its place in the key's book."""
    return Recorded(
        id=new_id(),
        ordinal=ordinal,
        kind=outcome.kind,
        occurred_at=outcome.occurred_at,
        effective_at=outcome.occurred_at or received_at,
        agent_id=outcome.agent_id,
        customer_id=outcome.customer_id,
        indicator=outcome.indicator,
        amount_micros=outcome.amount_micros,
        currency=outcome.currency,
        source=source,
        delivery_id=delivery_id,
        event_index=outcome.event_index,
        mapping_version=outcome.mapping_version,
        price_version=outcome.price_version,
        meta_tags=dict(outcome.meta_tags),
        amount_rule=outcome.amount_rule,
        arrival=Arrival(received_at, delivery_id, outcome.event_index),
    )


def settlement_of(
    delivery: ClaimedDelivery, mapped: Pseudonymized, books: Mapping[str, KeyBook]
) -> Settlement:
    """Decide one delivery on these books, and record it in them if it is `recorded`."""
    return settlements_of([(delivery, mapped)], books)[delivery.id]


def settlements_of(
    deliveries: Iterable[tuple[ClaimedDelivery, Pseudonymized]], books: Mapping[str, KeyBook]
) -> dict[str, Settlement]:
    """Decide these together, admitted in this order; record in the books what is `recorded`."""
    admitted: dict[str, list[Recorded]] = defaultdict(list)
    pending = {one.id: _admit(one, mapped, books) for one, mapped in deliveries}
    for _settlement, said in pending.values():
        for outcome, recorded in said:
            admitted[outcome.key].append(recorded)
    steps: dict[str, Step] = {}
    for key, new in admitted.items():
        posted = post(books[key], new, new_id)
        steps.update((one.id, step) for one, step in zip(new, posted, strict=True))
    return {
        delivery_id: replace(settlement, steps=tuple((o, r, steps[r.id]) for o, r in said))
        for delivery_id, (settlement, said) in pending.items()
    }


#: What a delivery settles as so far, and its outcomes in the books.
_Admitted = tuple[Settlement, Sequence[tuple[Outcome, Recorded]]]


def _admit(
    delivery: ClaimedDelivery, mapped: Pseudonymized, books: Mapping[str, KeyBook]
) -> _Admitted:
    if mapped.failures:
        return _failed(delivery, mapped.failures, held_back=len(mapped.outcomes)), ()
    if not mapped.outcomes:
        return Settlement(DeliveryState.IGNORED, NO_OUTCOME, _nothing_matched(mapped)), ()
    if mapped.shadow:
        return Settlement(
            DeliveryState.IGNORED, SHADOW, f"would bill {_summary(mapped.outcomes)}"
        ), ()
    return _record(delivery, mapped.outcomes, books)


def _record(
    delivery: ClaimedDelivery, said: Sequence[Outcome], books: Mapping[str, KeyBook]
) -> _Admitted:
    admitted: list[tuple[Outcome, Recorded]] = []
    for outcome in said:
        book = books[outcome.key]
        recorded = recorded_from(
            outcome,
            ordinal=book.last_ordinal + 1,
            source=delivery.source,
            delivery_id=delivery.id,
            received_at=delivery.received_at,
        )
        try:
            admit(book, recorded)
        except Conflict as conflict:
            _take_back(admitted, books)
            failure = Failure(
                reason=Reason.CONFLICT,
                detail=f"rule {outcome.rule}, key {outcome.key}: {conflict}",
                rule=outcome.rule,
                event_index=outcome.event_index,
            )
            return _failed(delivery, [failure], held_back=len(said) - 1), ()
        admitted.append((outcome, recorded))
    return Settlement(DeliveryState.RECORDED), admitted


def _take_back(admitted: Sequence[tuple[Outcome, Recorded]], books: Mapping[str, KeyBook]) -> None:
    for outcome, _recorded in reversed(admitted):
        books[outcome.key].take_back()


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


def _summary(said: Sequence[Outcome]) -> str:
    """The outcomes in words, the first few of them."""
    shown = [
        f"{o.kind.value} of {o.agent_id} / {o.customer_id} / {o.indicator}"
        + (f" {money(o.amount_micros)} {o.currency}" if o.amount_micros is not None else "")
        for o in said[:SHOWN]
    ]
    more = f" and {len(said) - SHOWN} more" if len(said) > SHOWN else ""
    return "; ".join(shown) + more
