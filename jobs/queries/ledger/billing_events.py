"""The ledger as a list: billing events with their filters."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict
from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    literal_column,
    select,
    true,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.money import money
from jobs.filters import between
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
#: What a posting can be.
LINE_KINDS = ("charge", "reversal")

_columns = billing_events.c
_NEWEST = Keyset("billing events", _columns.recorded_at, _columns.id)
#: The filters that a column must equal.
_EQUAL: Mapping[str, ColumnElement[Any]] = {
    "agent": _columns.agent_id,
    "customer": _columns.customer_id,
    "indicator": _columns.indicator,
    "source": _columns.source,
    "currency": _columns.currency,
    "delivery": _columns.delivery_id,
    "outcome_key": _columns.outcome_key,
}


class BillingFilter(BaseModel):
    """Which postings: all given parts must fit.

    `since` ≤ occurred_at < `until`; `recorded_since` ≤ recorded_at < `recorded_until`.
    `rule` is the rule whose outcome caused the posting.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: str | None = None
    customer: str | None = None
    indicator: str | None = None
    source: str | None = None
    rule: str | None = None
    kind: Literal["charge", "reversal"] | None = None
    currency: str | None = None
    delivery: str | None = None
    outcome_key: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    recorded_since: AwareDatetime | None = None
    recorded_until: AwareDatetime | None = None

    def is_empty(self) -> bool:
        """Whether every posting fits."""
        return not self.model_dump(exclude_none=True)

    def where(self) -> ColumnElement[bool]:
        """The condition over `billing_events`."""
        wanted = {name: getattr(self, name) for name in _EQUAL}
        parts: list[ColumnElement[bool]] = [true()]
        parts += [_EQUAL[name] == value for name, value in wanted.items() if value is not None]
        if self.kind is not None:  # written out: the index of reversals is known by its condition
            parts.append(_columns.kind == literal_column(f"'{self.kind}'"))
        if self.rule is not None:
            parts.append(_caused_by(self.rule))
        parts += between(_columns.occurred_at, self.since, self.until)
        parts += between(_columns.recorded_at, self.recorded_since, self.recorded_until)
        return and_(*parts)


def _caused_by(rule: str) -> ColumnElement[bool]:
    cause = outcomes.alias("cause")
    named = (cause.c.id == _columns.outcome_id) & (cause.c.rule == rule)
    return select(cause.c.id).where(named).exists()


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
