"""The objects that tell how a line of the ledger came about, to the letter; see `shapes`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AwareDatetime

from jobs.queries.shapes import ActionItem, BillingEventItem, OutcomeItem, Shape


class KeyOutcomeItem(OutcomeItem):
    """An outcome among the others of its key: which delivery it came from, null if by hand."""

    delivery_id: str | None
    source: str


class SignedDelivery(Shape):
    """The delivery behind a billing event: what was signed is named by its hash."""

    id: str
    source: str
    state: str
    received_at: AwareDatetime
    vendor_id: str | None
    verified_by: str | None
    body_sha256: str
    evidence: Literal["kept", "expired", "purged"]
    duplicates: int


class VersionItem(Shape):
    """A text that billed: a mapping file, a table or the catalogue, by the hash of its content."""

    version: str
    kind: str
    name: str
    first_used_at: AwareDatetime


class VersionText(VersionItem):
    """The same with the text; `parts` are the versions of the tables that a mapping looks up."""

    text: str
    parts: dict[str, str]


class OutcomeKeyStory(Shape):
    """All that is recorded of one outcome key, in the order recorded.

    `open_charge` is the billing event that stands, null where nothing is owed. Of a key with very
    many outcomes the first thousand are listed; `outcomes_count` counts all.
    """

    outcome_key: str
    open_charge: str | None
    outcomes_count: int
    outcomes: tuple[KeyOutcomeItem, ...]
    billing_events: tuple[BillingEventItem, ...]
    actions: tuple[ActionItem, ...]


class BillingEventEvidence(BillingEventItem):
    """One billing event with what led to it and what became of it.

    `delivery` is null where a person caused it. `reversed_by` is the billing event that takes it
    back. `versions` name the texts that billed. `outcomes`, `billing_events` and `actions` are
    those of its key; an outcome whose verdict is `duplicate` billed nothing beside it.
    """

    event_index: int | None
    mapping_version: str | None
    price_version: str | None
    reversed_by: str | None
    delivery: SignedDelivery | None
    versions: tuple[VersionItem, ...]
    outcomes_count: int
    outcomes: tuple[KeyOutcomeItem, ...]
    billing_events: tuple[BillingEventItem, ...]
    actions: tuple[ActionItem, ...]


class ActionEntry(ActionItem):
    """What a person did, to what and to how many."""

    filter: dict[str, Any]
    count: int
    detail: dict[str, Any]


class ReplayItem(Shape):
    """A replay in a list; how far it is as in `Progress`, without its differences."""

    id: str
    state: Literal["running", "done"]
    filter: dict[str, Any]
    created_at: AwareDatetime
    finished_at: AwareDatetime | None
    matched: int
    done: int
    recorded: int
    ignored: int
    failed: int
    unchanged: int
    unchanged_no_body: int
    not_replayed: int = 0
