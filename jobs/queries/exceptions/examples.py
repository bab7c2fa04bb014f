"""Examples of exceptions, each with the command that fixes it or shows it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.money import money
from jobs.exceptions.customers import Customer
from jobs.exceptions.detection import KeyException
from jobs.exceptions.near_keys import near_charge
from jobs.ledger.records import Recorded
from jobs.queries.shape import Amount, Shape
from jobs.storage.schema import billing_events
from mappings.engine.pricing.unused import UnusedPrice


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


_NOTE = "--note"


async def waiting_reversal(connection: AsyncConnection, exception: KeyException) -> WaitingReversal:
    """The reversal, with the charge that it was probably meant for."""
    near = await near_charge(connection, exception.key, exception.outcome)
    delivery = exception.outcome.provenance.delivery_id
    if near is None:
        command = _command("show", delivery or exception.key)
    else:
        why = f"reversed by {delivery}" if delivery else "reversed under another key"
        command = _command("reverse", near.billing_event, _NOTE, why)
    return WaitingReversal(
        **_fields(exception),
        nearest_key=near and near.outcome_key,
        billing_event=near and near.billing_event,
        command=command,
    )


async def amount_differs(connection: AsyncConnection, exception: KeyException) -> AmountDiffers:
    """Both amounts, and the command that bills the one reported last."""
    assert exception.owed is not None  # noqa: S101 - what makes it this kind
    lines, delivery = billing_events.c, exception.outcome.provenance.delivery_id
    last = select(lines.id).where(lines.outcome_key == exception.key, lines.kind == "charge")
    event = await connection.scalar(last.order_by(lines.sequence.desc()).limit(1))
    words = ["reverse", str(event), "--rebill", "--from", str(delivery)]
    return AmountDiffers(
        **_fields(exception),
        billing_event=event,
        billed=_amount(exception.owed),
        reported=_amount(exception.outcome),
        command=_command(*words, _NOTE, "amount corrected by the vendor"),
    )


def _fields(exception: KeyException) -> dict[str, Any]:
    """What examples of both kinds have."""
    outcome = exception.outcome
    return {
        "id": outcome.id,
        "outcome_key": exception.key,
        "source": outcome.provenance.source,
        "delivery": outcome.provenance.delivery_id,
        "occurred_at": outcome.occurred_at,
        "recorded_at": exception.at,
    }


def lookalike_customer(group: Sequence[Customer]) -> LookalikeCustomer:
    """The group, and the command that shows what the latest of it was billed for."""
    return LookalikeCustomer(
        customers=tuple(customer.id for customer in group),
        first_billed_at=tuple(customer.first_billed_at for customer in group),
        command=_command("events", "--customer", group[-1].id),
    )


def unused_price(price: UnusedPrice) -> UnusedPriceItem:
    """The price with the name that was probably meant."""
    return UnusedPriceItem(
        agent=price.agent,
        customer=price.customer,
        indicator=price.indicator,
        nearest=price.nearest,
        detail=f"{price.summary} {price.remedy}",
        command="receiver check",
    )


def _amount(outcome: Recorded) -> Amount:
    return Amount(
        currency=outcome.terms.currency or "", amount=money(outcome.terms.amount_micros or 0)
    )


def _command(*words: str) -> str:
    return shlex.join(["receiver", *words])
