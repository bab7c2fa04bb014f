"""Customers whose ids look alike: found by an index over what each id looks like.

Owns the column `customers.looks_like`. An id is never changed here.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.repository import IS_OPEN
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, customers
from mappings.engine.common.lookalikes import skeleton

#: Ids looked at in one transaction, and groups of those that look alike that are read.
PAGE = 500
MOST_GROUPS = 1_000

_columns = customers.c


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer, and since when it is billed."""

    id: str
    first_billed_at: datetime


def look_of(customer: str) -> str:
    """The same for ids that look alike, of a length that an index takes."""
    return hashlib.sha256(skeleton(customer).encode("utf-8")).hexdigest()[:32]


async def note_looks(database: Database) -> None:
    """Work out what each id looks like of which that is not known yet."""
    while True:
        async with database.read() as connection:
            new = [customer.id for customer in await _without_look(connection, PAGE)]
        if not new:
            return
        async with database.write() as connection:
            for name in sorted(new):
                await connection.execute(
                    update(customers).where(_columns.id == name).values(looks_like=look_of(name))
                )


async def read_lookalikes(connection: AsyncConnection) -> list[tuple[Customer, ...]]:
    """Groups of two or more that look alike and have open charges, each by first billing."""
    known = select(_columns.looks_like).group_by(_columns.looks_like)
    several = known.having(func.count() > 1).order_by(_columns.looks_like).limit(MOST_GROUPS)
    looks = {look for look in await connection.scalars(several) if look is not None}
    groups: defaultdict[str, list[Customer]] = defaultdict(list)
    for customer in await _without_look(connection, PAGE):
        groups[look_of(customer.id)].append(customer)
    looks |= groups.keys()
    for look, customer in await _looking(connection, sorted(looks)):
        groups[look].append(customer)
    billed = [await _open(connection, group) for group in groups.values() if len(group) > 1]
    return sorted(
        (tuple(group) for group in billed if len(group) > 1), key=lambda group: group[0].id
    )


async def _without_look(connection: AsyncConnection, limit: int) -> list[Customer]:
    query = select(_columns.id, _columns.first_billed_at).where(_columns.looks_like.is_(None))
    rows = await connection.execute(query.order_by(_columns.id).limit(limit))
    return [Customer(*row) for row in rows]


async def _looking(connection: AsyncConnection, looks: Sequence[str]) -> list[tuple[str, Customer]]:
    query = select(_columns.looks_like, _columns.id, _columns.first_billed_at)
    rows = await connection.execute(query.where(_columns.looks_like.in_(looks)))
    return [(look, Customer(name, at)) for look, name, at in rows]


async def _open(connection: AsyncConnection, group: Sequence[Customer]) -> list[Customer]:
    """Those of the group that are billed for something, the first billed first."""
    lines = billing_events.c
    billed = []
    for customer in sorted(group, key=lambda customer: (customer.first_billed_at, customer.id)):
        charge = select(lines.id).where(
            lines.customer_id == customer.id, lines.kind == "charge", IS_OPEN
        )
        if await connection.scalar(charge.limit(1)) is not None:
            billed.append(customer)
    return billed
