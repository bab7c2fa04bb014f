"""An outcome as the outside sees it: what a rule decided, and the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import AwareDatetime

from jobs.common.money import money
from jobs.queries.shape import Shape


class OutcomeItem(Shape):
    """What a rule decided of a recorded delivery, and the verdict. `amount` is the mapped price.

    With an `action_id` it is a correction by hand: a charge of this delivery was reversed, or
    rebilled; then it `replaces` an outcome.
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


def outcome_fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields of an `OutcomeItem`, of a row of `outcomes`."""
    micros = row["amount_micros"]
    fields = {name: row[name] for name in OutcomeItem.model_fields if name != "amount"}
    return {**fields, "amount": None if micros is None else money(micros)}
