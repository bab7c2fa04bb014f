"""The objects of the list of exceptions, to the letter; see `shapes`."""

from __future__ import annotations

from pydantic import AwareDatetime

from jobs.queries.shapes import Amount, Shape


class WaitingReversal(Shape):
    """A reversal whose key has no charge. `id` is its outcome's, `delivery` where it came from.

    `nearest_key` has an open charge, `billing_event`, and looks like this key; null without one.
    """

    id: str
    outcome_key: str
    source: str
    delivery: str | None
    occurred_at: AwareDatetime | None
    recorded_at: AwareDatetime
    nearest_key: str | None
    billing_event: str | None
    command: str


class AmountDiffers(Shape):
    """A charge reported again with another amount: `billed` stands as `billing_event`.

    `reported` is what the `delivery` gives instead; `id` is the outcome's.
    """

    id: str
    outcome_key: str
    source: str
    billing_event: str | None
    billed: Amount
    delivery: str | None
    reported: Amount
    occurred_at: AwareDatetime | None
    recorded_at: AwareDatetime
    command: str


class LookalikeCustomer(Shape):
    """Customers whose ids look alike, the one that was billed first in front."""

    customers: tuple[str, ...]
    first_billed_at: tuple[AwareDatetime, ...]
    command: str


class UnusedPriceItem(Shape):
    """A customer's own price that nothing uses; `nearest` is the name that was probably meant."""

    agent: str
    customer: str
    indicator: str
    nearest: str | None
    detail: str
    command: str


Example = WaitingReversal | AmountDiffers | LookalikeCustomer | UnusedPriceItem


class ExceptionItem(Shape):
    """What was taken and not billed as someone may expect, by kind.

    `first_at` and `last_at` are null where nothing was recorded. `commands` are those of the
    `examples`, the latest first.
    """

    kind: str
    count: int
    first_at: AwareDatetime | None
    last_at: AwareDatetime | None
    detail: str
    remediation: str
    commands: tuple[str, ...]
    examples: tuple[Example, ...]
