"""One delivery with all that is recorded of it: headers, body, outcomes, billing events."""

from __future__ import annotations

import base64
from typing import Literal

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.queries.actions import ActionItem, actions_of
from jobs.queries.deliveries.listing import DeliveryFields
from jobs.queries.ledger.billing_events import BillingEventItem, events_of_delivery, takes_back_of
from jobs.queries.ledger.outcomes import OutcomeItem, outcome_fields
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, deliveries, outcomes


class DeliveryEvidence(DeliveryFields):
    """One delivery with all that is known of it, corrections by hand included.

    `vendor_id` is the vendor's own id where it is signed, `verified_by` the name of the secret that
    verified the request (null: before that was kept). `body_sha256` is of the bytes as they
    came. `body` is text, or base64 where they are no UTF-8 (see `body_encoding`). `evidence` is
    `kept`, or why body and headers are gone: `expired` by retention, or `purged`.
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


_COLUMNS = [deliveries.c[name] for name in DeliveryEvidence.model_fields if name in deliveries.c]


async def read_delivery(database: Database, delivery_id: str) -> DeliveryEvidence | None:
    """One delivery with headers, body, outcomes and billing events; None if unknown."""
    query = select(*_COLUMNS).where(deliveries.c.id == delivery_id)
    async with database.snapshot() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        decided = await _outcomes_of(connection, delivery_id)
        billed = await events_of_delivery(connection, delivery_id)
        corrections = await actions_of(connection, [outcome.action_id for outcome in decided])
    body, encoding = body_text(row["body"])
    fields = {**row, "body": body, "body_encoding": encoding}
    return DeliveryEvidence.model_validate(
        {**fields, "outcomes": decided, "billing_events": billed, "actions": corrections}
    )


async def _outcomes_of(connection: AsyncConnection, delivery_id: str) -> list[OutcomeItem]:
    """The outcomes of the delivery, then those of corrections of its charges."""
    own = (
        select(outcomes)
        .where(outcomes.c.delivery_id == delivery_id)
        .order_by(outcomes.c.event_index, outcomes.c.id)
    )
    taken_back = (
        select(outcomes)
        .join(billing_events, billing_events.c.outcome_id == outcomes.c.id)
        .where(outcomes.c.delivery_id.is_(None), takes_back_of(delivery_id))
        .order_by(outcomes.c.id)
    )
    decided = [
        OutcomeItem(**outcome_fields(row))
        for query in (own, taken_back)
        for row in (await connection.execute(query)).mappings()
    ]
    # What was rebilled or reinstated carries the delivery too: ids by hand are in order of time.
    return sorted(decided, key=lambda outcome: outcome.id if outcome.action_id else "")


def body_text(body: bytes | None) -> tuple[str | None, str | None]:
    """The bytes as text, and None; or as base64, and "base64" where they are no UTF-8."""
    if body is None:
        return None, None
    try:
        return body.decode("utf-8"), None
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), "base64"
