"""The ledger as a list: billing events with their filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal, get_args

from pydantic import AwareDatetime
from sqlalchemy import (
    ColumnElement,
    Select,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.money import money
from jobs.common.parsing import check_choice
from jobs.filters import BillingFilter
from jobs.queries.shape import Page, Shape
from jobs.storage.database import Database
from jobs.storage.keyset import DEFAULT_LIMIT, MAX_LIMIT, Keyset
from jobs.storage.schema import billing_events, outcomes


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


#: Which of a posting's two times decides its day and month: when it happened, or was recorded.
Basis = Literal["occurred", "recorded"]
_columns = billing_events.c
_NEWEST = Keyset("billing events", _columns.recorded_at, _columns.id)


def parse_basis(text: str | None) -> Basis:
    """The basis named, `occurred` unless given. Raises FilterInvalid."""
    check_choice("basis", text, get_args(Basis))
    return "recorded" if text == "recorded" else "occurred"


def time_of(basis: Basis) -> ColumnElement[datetime]:
    """The time of a posting that `basis` names."""
    return _columns.recorded_at if basis == "recorded" else _columns.occurred_at


async def list_billing_events(
    database: Database,
    where: BillingFilter,
    *,
    limit: int = DEFAULT_LIMIT,
    cursor: str | None = None,
) -> Page[BillingEventItem]:
    """The postings recorded last that fit, after `cursor` if given; raises FilterInvalid."""
    query = billing_lines().where(where.where())
    async with database.read() as connection:
        rows, following = await _NEWEST.page(connection, query, limit=limit, cursor=cursor)
    return Page(items=tuple(billing_item(row) for row in rows), next=following)


async def all_billing_events(
    database: Database,
    where: BillingFilter,
    *,
    limit: int | None = None,
    cursor: str | None = None,
) -> AsyncIterator[tuple[BillingEventItem, ...]]:
    """All postings that fit, or `limit` of them, latest recorded first, a page at a time.

    There is always a first page, if an empty one. Raises FilterInvalid.
    """
    left = limit
    while True:
        size = MAX_LIMIT if left is None else min(left, MAX_LIMIT)
        page = await list_billing_events(database, where, limit=size, cursor=cursor)
        yield page.items
        cursor = page.next
        left = None if left is None else left - len(page.items)
        if cursor is None or left == 0:
            return


async def events_of_delivery(
    connection: AsyncConnection, delivery_id: str
) -> list[BillingEventItem]:
    """What a delivery posted, in the order of its events and of each key.

    Then what a person took back of it.
    """
    columns = billing_events.c
    in_order = (columns.event_index, columns.outcome_key, columns.sequence)
    posted = billing_lines().where(columns.delivery_id == delivery_id)
    by_hand = billing_lines().where(columns.delivery_id.is_(None), takes_back_of(delivery_id))
    return [
        billing_item(row)
        for query in (posted, by_hand)
        for row in (await connection.execute(query.order_by(*in_order))).mappings()
    ]


def takes_back_of(delivery_id: str) -> ColumnElement[bool]:
    """The condition that a billing event takes back a charge that the delivery posted."""
    charges = billing_events.alias("charges")
    posted = select(charges.c.id).where(charges.c.delivery_id == delivery_id)
    return billing_events.c.reverses.in_(posted)


def billing_lines() -> Select[Any]:
    """Billing events, each with the rule that caused it as `outcome`."""
    on = outcomes.c.id == billing_events.c.outcome_id
    rule = outcomes.c.rule.label("outcome")
    return select(billing_events, rule).join_from(billing_events, outcomes, on)


def billing_item(row: Mapping[Any, Any]) -> BillingEventItem:
    """A row of `billing_lines` as the outside sees it."""
    fields = {name: row[name] for name in BillingEventItem.model_fields if name != "amount"}
    return BillingEventItem(**fields, amount=money(row["amount_micros"]))
