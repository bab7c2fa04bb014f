"""What the mapping gives now for a charge that is to be rebilled: pure.

Owns that only the event counts which the charge came from: another event of the delivery that
fails now, or that gives the same key, is no reason to refuse. Refuses what the mapping does not
give exactly once for that event. Where only the body is gone, the price of the recorded outcome is
looked up again (`priced_again`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from jobs.ledger.records import Recorded
from jobs.privacy.pseudonyms import Pseudonymized
from mappings.engine.loading.load import MappingSet
from mappings.engine.pricing.catalogue import Catalogue, UnpricedError
from mappings.engine.reasons import Reason
from mappings.engine.types import Failure, Kind, Mapped, Outcome

#: A row of `outcomes`.
Row = Mapping[str, Any]

#: Why a charge is refused whose key changed between mapping and recording.
MOVED = "more was recorded of its key just now; run it again"


class CorrectionRefused(Exception):
    """The charge cannot be corrected; the message is the reason."""


@dataclass(frozen=True, slots=True)
class Origin:
    """The recorded delivery that a person named as the one to bill from."""

    id: str
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemappedDeliveries:
    """What the mapping gives now for deliveries, by their ids, or why it cannot be asked.

    With an `origin` every key is billed from that delivery, else each from that of its charge.
    `by_outcome` has, by the id of the outcome that is owed, what is known without a body.
    """

    by_delivery: Mapping[str, Pseudonymized | CorrectionRefused]
    by_outcome: Mapping[str, Pseudonymized]
    origin: Origin | None = None

    def charge_for(self, owed: Recorded, key: str) -> Outcome:
        """The charge that replaces `owed`. Raises CorrectionRefused."""
        if self.origin is not None:
            return charge_now(self.by_delivery[self.origin.id], key, None)
        if owed.id in self.by_outcome:
            return charge_now(self.by_outcome[owed.id], key, owed.provenance.event_index)
        mapped = self.by_delivery.get(owed.provenance.delivery_id or "")
        if mapped is None:
            raise CorrectionRefused(MOVED)
        return charge_now(mapped, key, owed.provenance.event_index)


def charge_now(
    mapped: Pseudonymized | CorrectionRefused, key: str, event_index: int | None
) -> Outcome:
    """The one charge that the mapping gives now for this event. Raises CorrectionRefused.

    What the other events of the delivery give, or that they fail, does not matter. Without an
    `event_index` any event may give it, and of several the last counts.
    """
    if isinstance(mapped, CorrectionRefused):
        raise mapped
    if mapped.shadow:
        message = "its source is in shadow mode and bills nothing"
        raise CorrectionRefused(message)
    charges = [each for each in mapped.outcomes if each.key == key and each.kind is Kind.CHARGE]
    of_event = [charge for charge in charges if event_index in (None, charge.event_index)]
    failure = _failure_of(mapped, event_index, is_found=bool(of_event))
    if failure is not None:
        what = "the delivery" if failure.event_index is None else "its event"
        message = f"{what} fails now as {failure.reason.value}: {failure.detail}"
        raise CorrectionRefused(message)
    if event_index is None:
        of_event = sorted(of_event, key=lambda charge: charge.event_index)[-1:]
    if len(of_event) != 1:
        count = f"{len(of_event)} charges" if of_event else "no charge"
        message = f"the mapping gives {count} of the key {key} now"
        if event_index is not None and not of_event and charges:
            message += " for its event; `--from DELIVERY` bills another event"
        raise CorrectionRefused(message)
    return of_event[0]


def _failure_of(mapped: Mapped, event_index: int | None, *, is_found: bool) -> Failure | None:
    """The failure that keeps this event, or without an index the delivery, from being billed."""
    for failure in mapped.failures:
        if failure.event_index is None or failure.event_index == event_index:
            return failure
    return mapped.failures[0] if mapped.failures and event_index is None and not is_found else None


def priced_again(row: Row, mappings: MappingSet, *, received_at: datetime) -> Mapped | None:
    """The outcome of this row as it would be priced now; None where its body would be needed.

    That is where the mapping in force is, to the byte, the one that recorded the outcome: the same
    text and the same bytes give the same outcome.
    """
    source = mappings.sources.get(row["source"])
    if (
        source is None
        or mappings.catalogue is None
        or source.mapping_version != row["mapping_version"]
    ):
        return None
    rules = mappings.programs[source.name].rules
    maps_currency = any(rule.name == row["rule"] and rule.currency is not None for rule in rules)
    currency = row["currency"] if maps_currency else None
    try:
        outcome = _priced(row, mappings.catalogue, received_at, currency)
    except UnpricedError as error:
        failure = Failure(
            reason=Reason.UNPRICED,
            detail=f"Rule {row['rule']}: {error}",
            rule=row["rule"],
            event_index=row["event_index"],
        )
        return Mapped(outcomes=(), failures=(failure,), events=1)
    return Mapped(outcomes=(outcome,), failures=(), events=1)


def _priced(row: Row, catalogue: Catalogue, received_at: datetime, currency: str | None) -> Outcome:
    value = None if row["value"] is None else Decimal(row["value"])
    price = catalogue.price(
        agent=row["agent_id"],
        indicator=row["indicator"],
        customer=row["customer_id"],
        at=row["occurred_at"] or received_at,
        value=value,
        currency=currency,
    )
    return Outcome(
        event_index=row["event_index"],
        rule=row["rule"],
        key=row["outcome_key"],
        kind=Kind.CHARGE,
        agent_id=row["agent_id"],
        customer_id=row["customer_id"],
        indicator=row["indicator"],
        occurred_at=row["occurred_at"],
        value=value,
        amount_micros=price.amount_micros,
        currency=price.currency,
        meta_tags=row["meta_tags"],
        mapping_version=row["mapping_version"],
        price_version=catalogue.version,
    )
