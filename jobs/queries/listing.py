"""Deliveries: a page of them, and one with all its evidence."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, literal, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.money import money
from jobs.filters import DeliveryFilter
from jobs.ledger.repository import chunks
from jobs.queries.billing import events_of_delivery, takes_back_of
from jobs.queries.paging import DEFAULT_LIMIT, clamp, read_position, write_position
from jobs.queries.shapes import (
    ActionItem,
    DeliveryEvidence,
    DeliveryFields,
    DeliveryItem,
    OutcomeItem,
    Page,
)
from jobs.queries.snapshot import snapshot
from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import actions, billing_events, deliveries, outcomes

_LIST = "deliveries"
_FIELDS = tuple(deliveries.c[name] for name in DeliveryFields.model_fields)


async def list_deliveries(
    database: Database,
    where: DeliveryFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[DeliveryItem]:
    """The newest deliveries that fit, after `cursor` if given; raises FilterInvalid."""
    limit = clamp(limit)
    columns = deliveries.c
    query = select(*_FIELDS).where(where.where())
    if cursor is not None:
        at, row_id = read_position(_LIST, cursor)
        here = tuple_(literal(at, UtcDateTime), literal(row_id))
        query = query.where(tuple_(columns.received_at, columns.id) < here)
    query = query.order_by(columns.received_at.desc(), columns.id.desc()).limit(limit + 1)
    async with snapshot(database) as connection:
        rows = (await connection.execute(query)).mappings().all()
        numbers = await _numbers_of_outcomes(connection, [row["id"] for row in rows[:limit]])
    items = tuple(
        DeliveryItem.model_validate({**row, "outcomes": numbers.get(row["id"], 0)})
        for row in rows[:limit]
    )
    more = len(rows) > limit
    after = write_position(_LIST, items[-1].received_at, items[-1].id) if more else None
    return Page(items=items, next=after)


async def _numbers_of_outcomes(connection: AsyncConnection, ids: list[str]) -> dict[str, int]:
    of = outcomes.c.delivery_id
    said = outcomes.c.action_id.is_(None)
    counted = select(of, func.count()).where(of.in_(ids), said).group_by(of)
    return {row[0]: row[1] for row in await connection.execute(counted)}


async def count_deliveries(database: Database, where: DeliveryFilter) -> int:
    """How many deliveries fit."""
    query = select(func.count()).select_from(deliveries).where(where.where())
    async with database.read() as connection:
        return int((await connection.execute(query)).scalar_one())


async def unknown_ids(database: Database, ids: Sequence[str]) -> list[str]:
    """Those of the ids that no delivery has, in their order."""
    found: set[str] = set()
    async with database.read() as connection:
        for chunk in chunks(ids):
            known = await connection.execute(
                select(deliveries.c.id).where(deliveries.c.id.in_(chunk))
            )
            found.update(known.scalars())
    return [one for one in ids if one not in found]


async def read_delivery(database: Database, delivery_id: str) -> DeliveryEvidence | None:
    """One delivery with headers, body, outcomes and billing events; None if unknown."""
    columns = deliveries.c
    evidence = (
        "vendor_id",
        "verified_by",
        "headers",
        "body_sha256",
        "body",
        "evidence",
        "redacted",
    )
    query = select(*_FIELDS, *(columns[name] for name in evidence))
    async with snapshot(database) as connection:
        found = await connection.execute(query.where(deliveries.c.id == delivery_id))
        row = found.mappings().one_or_none()
        if row is None:
            return None
        said = await _outcomes_of(connection, delivery_id)
        billed = await events_of_delivery(connection, delivery_id)
        acted = await actions_of(connection, said)
    body, encoding = body_text(row["body"])
    fields = {**row, "body": body, "body_encoding": encoding}
    return DeliveryEvidence.model_validate(
        {**fields, "outcomes": said, "billing_events": billed, "actions": acted}
    )


async def _outcomes_of(connection: AsyncConnection, delivery_id: str) -> list[OutcomeItem]:
    """What the delivery said, and then what a person said of its charges."""
    said = (
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
    found = [
        OutcomeItem(**outcome_fields(row))
        for query in (said, taken_back)
        for row in (await connection.execute(query)).mappings()
    ]
    # What was rebilled or reinstated carries the delivery too: ids by hand are in order of time.
    return sorted(found, key=lambda one: one.id if one.action_id else "")


async def actions_of(connection: AsyncConnection, said: Sequence[OutcomeItem]) -> list[ActionItem]:
    """Who corrected by hand what is said here, in the order it was done."""
    ids = {one.action_id for one in said if one.action_id is not None}
    query = select(*(actions.c[name] for name in ActionItem.model_fields))
    found = await connection.execute(query.where(actions.c.id.in_(ids)).order_by(actions.c.id))
    return [ActionItem.model_validate(dict(row)) for row in found.mappings()]


def outcome_fields(row: Mapping[Any, Any]) -> dict[str, Any]:
    """The fields of an `OutcomeItem`, of a row of `outcomes`."""
    micros = row["amount_micros"]
    fields = {name: row[name] for name in OutcomeItem.model_fields if name != "amount"}
    return {**fields, "amount": None if micros is None else money(micros)}


def body_text(body: bytes | None) -> tuple[str | None, str | None]:
    """The bytes as text, and None; or as base64, and "base64" where they are no UTF-8."""
    if body is None:
        return None, None
    try:
        return body.decode("utf-8"), None
    except UnicodeDecodeError:
        return base64.b64encode(body).decode("ascii"), "base64"
