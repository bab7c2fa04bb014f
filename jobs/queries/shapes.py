"""The objects that API and CLI print, to the letter.

Owns names and types of every field that leaves the service as JSON. Amounts are decimal text
(`"0.99"`, `"-400.00"`), times are UTC and print as RFC 3339 with Z.
"""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict

T = TypeVar("T")


class Shape(BaseModel):
    """A record as the outside sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Page(Shape, Generic[T]):
    """Some items of a list, newest first, and the cursor of what follows."""

    items: tuple[T, ...]
    next: str | None


class Status(Shape):
    """The balance: `accepted` is counted at intake, the rest by state, at one moment."""

    accepted: int
    received: int
    recorded: int
    ignored: int
    failed: int
    discarded: int
    oldest_received_age_seconds: float | None

    @property
    def balances(self) -> bool:
        """Whether every acknowledged delivery is accounted for."""
        settled = self.recorded + self.ignored + self.failed + self.discarded
        return self.accepted == self.received + settled


class DeliveryFields(Shape):
    """What a list and a single delivery have in common."""

    id: str
    source: str
    state: str
    reason: str | None
    detail: str | None
    rule: str | None
    attempts: int
    duplicates: int
    received_at: AwareDatetime
    settled_at: AwareDatetime | None


class DeliveryItem(DeliveryFields):
    """A delivery in a list; `outcomes` is their number."""

    outcomes: int


class OutcomeItem(Shape):
    """What a rule said of a recorded delivery, and the verdict. `amount` is the mapped price.

    With an `action_id` a person said it: took a charge of this delivery back, or had one billed
    anew, which then `replaces` an outcome.
    """

    id: str
    event_index: int | None
    rule: str
    outcome_key: str
    kind: str
    agent_id: str | None
    customer_id: str | None
    indicator: str | None
    occurred_at: AwareDatetime | None
    recorded_at: AwareDatetime
    amount: str | None
    currency: str | None
    value: str | None
    meta_tags: dict[str, str]
    mapping_version: str | None
    price_version: str | None
    verdict: str
    billing_event_id: str | None
    replaces: str | None
    action_id: str | None


class ActionItem(Shape):
    """What a person did: who, what, when and why."""

    id: str
    kind: str
    actor: str
    at: AwareDatetime
    note: str | None


class BillingEventItem(Shape):
    """A line of the ledger. `outcome` is the rule that caused it; a reversal's amount is ≤ 0."""

    id: str
    kind: str
    agent_id: str
    customer_id: str
    indicator: str
    amount: str
    currency: str
    occurred_at: AwareDatetime
    recorded_at: AwareDatetime
    delivery_id: str | None
    source: str
    outcome: str
    outcome_key: str
    sequence: int
    reverses: str | None
    meta_tags: dict[str, str]


class BillingEventPage(Page[BillingEventItem]):
    """Lines of the ledger. `complete_until` comes with a page that was read forwards.

    Then every line recorded before it has been given once a page is not full, and `next` is never
    null.
    """

    complete_until: AwareDatetime | None = None

    def as_json(self) -> str:
        """The object, with `complete_until` where there is one."""
        left_out = {"complete_until"} if self.complete_until is None else set()
        return self.model_dump_json(exclude=left_out)


class DeliveryEvidence(DeliveryFields):
    """One delivery with all that is known of it, corrections by hand included.

    `vendor_id` is the vendor's own id where it is signed, `verified_by` the name of the secret that
    verified the request (null: before that was kept). `body_sha256` is of the bytes as they
    came. `body` is text, or base64 where they are no UTF-8 (`body_encoding` says so). `evidence` is
    `kept`, or says why body and headers are gone: `expired` by retention, or `purged`.
    `redacted` values were taken out of both before they were stored.
    """

    vendor_id: str | None
    verified_by: str | None
    headers: dict[str, str]
    body_sha256: str
    body: str | None
    body_encoding: Literal["base64"] | None
    evidence: Literal["kept", "expired", "purged"]
    redacted: int
    outcomes: tuple[OutcomeItem, ...]
    billing_events: tuple[BillingEventItem, ...]
    actions: tuple[ActionItem, ...]


class FailureGroup(Shape):
    """Failures that one mend cures; `id` is what the filter `group` takes.

    In `detail` the ids, numbers and quoted values that differ between them are collapsed.
    `example_delivery` and `example_detail` are the latest of the group, uncollapsed.
    """

    id: str
    source: str
    reason: str
    rule: str | None
    detail: str
    count: int
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    outcomes_held_back: int
    remediation: str
    replay: str
    example_delivery: str
    example_detail: str


class RuleItem(Shape):
    """How a rule has fared.

    `never_matched_in` deliveries of its source; null once it matched, and in shadow.
    """

    source: str
    rule: str
    mode: str | None
    matched: int
    errored: int
    last_match: AwareDatetime | None
    never_matched_in: int | None


class SecretUse(Shape):
    """How many requests a secret verified, and when the last one."""

    count: int
    last_used_at: AwareDatetime


class SourceTraffic(Shape):
    """What has come from a source so far; `uses` by the names of its secrets."""

    deliveries: int = 0
    last_delivery: AwareDatetime | None = None
    last_rejection: AwareDatetime | None = None
    last_rejection_cause: str | None = None
    uses: dict[str, SecretUse] = {}


class RejectionItem(Shape):
    """A request that was not taken; of its headers only the names are known.

    Of those that reached no source, the last of a kind: `count` is how many there were, `path` what
    may be shown of its path, and `remediation` has the URL of the source that was meant.
    """

    id: str
    at: AwareDatetime
    source: str
    cause: str
    detail: str
    remote: str
    header_names: tuple[str, ...]
    body_bytes: int | None
    body_sha256: str | None
    path: str | None
    nearest_source: str | None
    remediation: str | None
    count: int


class Begun(Shape):
    """A replay or a discard that was asked for: what to follow it by, and how many it takes."""

    id: str
    matched: int


class Matched(Shape):
    """How many deliveries a rehearsed discard would take."""

    matched: int


class Amount(Shape):
    """A sum in one currency."""

    currency: str
    amount: str


class StillFailing(Shape):
    """A delivery that a replay would leave failed, and why."""

    delivery: str
    source: str
    reason: str | None
    rule: str | None
    detail: str | None


class Differs(Shape):
    """An outcome of a recorded delivery that comes out otherwise now; a side may be empty."""

    delivery: str
    rule: str
    billed: dict[str, Any] | None
    would_bill: dict[str, Any] | None


class Rehearsal(Shape):
    """What a replay would do: counts by what each delivery would become, and the sums.

    `mapping_version` is what it was mapped with: a replay that names it is settled by nothing else.
    """

    mapping_version: str
    matched: int
    would: dict[str, int]
    unchanged_no_body: int
    amounts: tuple[Amount, ...]
    still_failing: tuple[StillFailing, ...]
    differences: tuple[Differs, ...]


class Billed(Shape):
    """What a charge bills, and whom."""

    agent_id: str
    customer_id: str
    indicator: str
    amount: str
    currency: str


class CorrectedCharge(Shape):
    """A charge that was corrected: `billed` before, and `now`; null where nothing is open."""

    billing_event: str
    delivery: str | None
    rule: str
    outcome_key: str
    billed: Billed | None
    now: Billed | None


class RefusedCharge(Shape):
    """A charge that is left as it is, and why."""

    billing_event: str
    delivery: str | None
    rule: str
    reason: str


class Corrected(Shape):
    """What a correction by hand did, or would do; `id` is null where it changed nothing.

    `amounts` are what the ledger gained or lost. `mapping_version` is what a dry run mapped with.
    """

    id: str | None
    matched: int
    reversed: int
    rebilled: int
    reinstated: int
    unchanged: int
    refused: int
    amounts: tuple[Amount, ...]
    refusals: tuple[RefusedCharge, ...]
    changes: tuple[CorrectedCharge, ...]
    mapping_version: str | None


class Progress(Shape):
    """How far a replay is; `unchanged_no_body` of the `unchanged` had no body any more.

    `not_replayed` were left alone: other mappings came into force than the replay names.
    """

    id: str
    state: Literal["running", "done"]
    matched: int
    done: int
    recorded: int
    ignored: int
    failed: int
    unchanged: int
    unchanged_no_body: int
    not_replayed: int = 0
    differences: tuple[Differs, ...]


class MappingFile(Shape):
    """A file of the mappings. `state`: its edited text is in force, its last good one, or none."""

    name: str
    kind: Literal["mapping", "table", "catalogue"]
    version: str | None
    state: Literal["in-force", "last-good", "refused"]


class MappingProblem(Shape):
    """What is wrong in a file, or worth knowing; line and column 0 are the file as a whole."""

    file: str
    line: int
    column: int
    message: str
    remediation: str


class MappingProcess(Shape):
    """A process that is alive, and the version that it maps with."""

    name: str
    role: Literal["web", "work"]
    version: str | None


class MappingsInForce(Shape):
    """The mappings in force. `version` is the `mapping_version` of dry runs and replays."""

    version: str
    files: tuple[MappingFile, ...]
    problems: tuple[MappingProblem, ...]
    warnings: tuple[MappingProblem, ...]
    processes: tuple[MappingProcess, ...]


class RevenueItem(Shape):
    """Postings summed: how many charges and reversals, and their net amount.

    Only the names asked for are in the answer. `payable` is the amount rounded half-even to the
    currency's smallest unit, and is there only where that is another amount.
    """

    day: str | None = None
    month: str | None = None
    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None
    currency: str
    charges: int
    reversals: int
    amount: str
    payable: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The object without the names that were not asked for and without an idle `payable`."""
        return self.model_dump(mode="json", exclude_none=True)


class RevenuePage(Page[RevenueItem]):
    """Sums, latest period first. No line recorded before `complete_until` is still to come.

    Null where that is not known, on a replica.
    """

    complete_until: AwareDatetime | None

    def as_json(self) -> dict[str, Any]:
        """The object, its items without the names that were not asked for."""
        return self.model_dump(mode="json") | {"items": [one.as_json() for one in self.items]}
