"""What the mapping gives now for a charge that is to be rebilled: pure.

Owns that only the event counts which the charge came from: another event of the delivery that
fails now, or that gives the same key, is no reason to refuse. Refuses what the mapping does not
give exactly once for that event.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jobs.ledger.records import Recorded
from jobs.privacy.pseudonyms import Pseudonymized
from mappings.engine.types import Failure, Kind, Mapped, Outcome

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
    charges = [one for one in mapped.outcomes if one.key == key and one.kind is Kind.CHARGE]
    found = [one for one in charges if event_index in (None, one.event_index)]
    failure = _failure_of(mapped, event_index, is_found=bool(found))
    if failure is not None:
        what = "the delivery" if failure.event_index is None else "its event"
        message = f"{what} fails now as {failure.reason.value}: {failure.detail}"
        raise CorrectionRefused(message)
    if event_index is None:
        found = sorted(found, key=lambda one: one.event_index)[-1:]
    if len(found) != 1:
        count = f"{len(found)} charges" if found else "no charge"
        message = f"the mapping gives {count} of the key {key} now"
        if event_index is not None and not found and charges:
            message += " for its event; `--from DELIVERY` bills another event"
        raise CorrectionRefused(message)
    return found[0]


def _failure_of(mapped: Mapped, event_index: int | None, *, is_found: bool) -> Failure | None:
    """The failure that keeps this event, or without an index the delivery, from being billed."""
    for one in mapped.failures:
        if one.event_index is None or one.event_index == event_index:
            return one
    return mapped.failures[0] if mapped.failures and event_index is None and not is_found else None
