"""What a command of the API answers: the rehearsal, the start, the progress, the corrections."""

from __future__ import annotations

from typing import Any, Literal

from jobs.queries.shape import Amount, Shape


class Begun(Shape):
    """A replay or a discard that was asked for: what to follow it by, and how many it takes."""

    id: str
    matched: int


class Matched(Shape):
    """How many deliveries a rehearsed discard would take."""

    matched: int


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
