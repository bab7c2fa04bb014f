"""The ledger as a list: billing events with their filters."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Select, and_, literal, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.columns import UtcDateTime
from jobs.database import Database
from jobs.money import money
from jobs.queries.paging import DEFAULT_LIMIT, clamp, read_position, write_position
from jobs.queries.shapes import BillingEventItem, Page
from jobs.schema import billing_events, outcomes

_LIST = "billing events"

#: Which of a posting's two times counts: when it happened, or when it was written down.
Basis = Literal["occurred", "recorded"]


class BillingFilter(BaseModel):
    """Which postings: all given parts must fit; `since` ≤ the time of `basis` < `until`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    basis: Basis = "recorded"

    @property
    def time_column(self) -> ColumnElement[datetime]:
        """The time that `basis` names."""
        columns = billing_events.c
        return columns.recorded_at if self.basis == "recorded" else columns.occurred_at

    def where(self) -> ColumnElement[bool]:
        """The condition over `billing_events`."""
        columns = billing_events.c
        parts: list[ColumnElement[bool]] = [true()]
        if self.agent is not None:
            parts.append(columns.agent_id == self.agent)
        if self.customer is not None:
            parts.append(columns.customer_id == self.customer)
        if self.indicator is not None:
            parts.append(columns.indicator == self.indicator)
        if self.since is not None:
            parts.append(self.time_column >= self.since)
        if self.until is not None:
            parts.append(self.time_column < self.until)
        return and_(*parts)


async def list_billing_events(
    database: Database,
    where: BillingFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[BillingEventItem]:
    """The postings recorded last that fit, after `cursor` if given; raises FilterInvalid."""
    limit = clamp(limit)
    columns = billing_events.c
    query = _lines().where(where.where())
    if cursor is not None:
        at, row_id = read_position(_LIST, cursor)
        here = tuple_(literal(at, UtcDateTime), literal(row_id))
        query = query.where(tuple_(columns.recorded_at, columns.id) < here)
    query = query.order_by(columns.recorded_at.desc(), columns.id.desc()).limit(limit + 1)
    async with database.read() as connection:
        rows = (await connection.execute(query)).mappings().all()
    items = tuple(_line(row) for row in rows[:limit])
    more = len(rows) > limit
    after = write_position(_LIST, items[-1].recorded_at, items[-1].id) if more else None
    return Page(items=items, next=after)


async def events_of_delivery(
    connection: AsyncConnection, delivery_id: str
) -> list[BillingEventItem]:
    """What a delivery posted, in the order of its events and of each key.

    Then what a person took back of it.
    """
    columns = billing_events.c
    in_order = (columns.event_index, columns.outcome_key, columns.sequence)
    posted = _lines().where(columns.delivery_id == delivery_id)
    by_hand = _lines().where(columns.delivery_id.is_(None), takes_back_of(delivery_id))
    return [
        _line(row)
        for query in (posted, by_hand)
        for row in (await connection.execute(query.order_by(*in_order))).mappings()
    ]


def takes_back_of(delivery_id: str) -> ColumnElement[bool]:
    """The condition that a billing event takes back a charge that the delivery posted."""
    charges = billing_events.alias("charges")
    posted = select(charges.c.id).where(charges.c.delivery_id == delivery_id)
    return billing_events.c.reverses.in_(posted)


def _lines() -> Select[Any]:
    on = outcomes.c.id == billing_events.c.outcome_id
    rule = outcomes.c.rule.label("outcome")
    return select(billing_events, rule).join_from(billing_events, outcomes, on)


def _line(row: Mapping[Any, Any]) -> BillingEventItem:
    fields = {name: row[name] for name in BillingEventItem.model_fields if name != "amount"}
    return BillingEventItem(**fields, amount=money(row["amount_micros"]))
