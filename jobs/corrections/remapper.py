"""What the mapping gives now for charges that are to be rebilled.

Owns which delivery is mapped again: the one whose outcome the key owes, since its price is in
force, or the one that a person names. Refuses to guess where its body is gone; only where a purge
of another customer removed it, the price of the recorded outcome is looked up again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.common.states import DeliveryState
from jobs.corrections.charges import deliveries_of
from jobs.corrections.manual import OpenCharge
from jobs.corrections.remapped import (
    CorrectionRefused,
    Origin,
    RemappedDeliveries,
    Row,
    priced_again,
)
from jobs.ledger.records import Recorded
from jobs.ledger.repository import load_books
from jobs.privacy.evidence import WHY_GONE, Evidence
from jobs.privacy.guard import pseudonymize
from jobs.settling.mapper import preview_rows
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, outcomes, purged_customers
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS, Mapped


@dataclass(frozen=True, slots=True, kw_only=True)
class Remapped:
    """What the mapping gives now for deliveries, by their ids, and why it gives none for others.

    `by_outcome` has what the price alone was looked up for, by the id of the outcome owed.
    """

    mapped: Mapping[str, Mapped]
    refused: Mapping[str, CorrectionRefused]
    by_outcome: Mapping[str, Mapped] = field(default_factory=dict)
    origin: Origin | None = None

    async def erased(self, connection: AsyncConnection) -> RemappedDeliveries:
        """The same as the ledger knows it, with pseudonyms for all who are purged as of now."""
        return RemappedDeliveries(
            by_delivery={**await pseudonymize(connection, self.mapped), **self.refused},
            by_outcome=await pseudonymize(connection, self.by_outcome),
            origin=self.origin,
        )


class Remapper:
    """Maps deliveries again by one version of the mappings, outside of transactions.

    With an `origin` all charges are billed by the outcomes of that delivery.
    """

    def __init__(
        self,
        mappings: MappingSet,
        *,
        oldest_days: int | None = OLDEST_DAYS,
        origin: Origin | None = None,
    ) -> None:
        self.mappings = mappings
        self.origin = origin
        self._oldest_days = oldest_days
        self._mapped: dict[str, Mapped] = {}

    async def of(self, database: Database, charges: Sequence[OpenCharge]) -> Remapped:
        """What the deliveries give that these keys owe for now."""
        async with database.read() as connection:
            books = await load_books(connection, [charge.outcome_key for charge in charges])
            owed = [due for book in books.values() if (due := book.owed()) is not None]
            wanted = self._wanted(owed)
            # Several steps may need a delivery of many charges: it is mapped once.
            known = {name: mapped for name, mapped in self._mapped.items() if name in wanted}
            rows = await deliveries_of(connection, sorted(wanted - known.keys()))
            by_outcome = await self._without_body(connection, owed, rows)
        self._mapped = known | await asyncio.to_thread(
            preview_rows, self.mappings, rows.values(), oldest_days=self._oldest_days
        )
        gone = {name: _gone(row["evidence"]) for name, row in rows.items() if row["body"] is None}
        return Remapped(
            mapped=self._mapped, refused=gone, by_outcome=by_outcome, origin=self.origin
        )

    def _wanted(self, owed: Sequence[Recorded]) -> set[str]:
        if self.origin is not None:
            return {self.origin.id}
        return {name for outcome in owed if (name := outcome.provenance.delivery_id)}

    async def _without_body(
        self, connection: AsyncConnection, owed: Sequence[Recorded], rows: Mapping[str, Row]
    ) -> dict[str, Mapped]:
        """What is owed of deliveries whose bodies a purge of another customer removed."""
        purged = {name for name, row in rows.items() if row["evidence"] == Evidence.PURGED}
        ids = [each.id for each in owed if each.provenance.delivery_id in purged]
        if self.origin is not None or not ids:
            return {}
        priced: dict[str, Mapped] = {}
        for row in await _of_kept_customers(connection, ids):
            received_at = rows[row["delivery_id"]]["received_at"]
            mapped = priced_again(row, self.mappings, received_at=received_at)
            if mapped is not None:
                priced[row["id"]] = mapped
        return priced


async def find_origin(database: Database, delivery_id: str) -> Origin:
    """The delivery that a person names to bill from. Raises FilterInvalid.

    It is a recorded one: the outcomes of no other count for what a key owes.
    """
    query = select(deliveries.c.source, deliveries.c.state).where(deliveries.c.id == delivery_id)
    async with database.read() as connection:
        row = (await connection.execute(query)).one_or_none()
    if row is None:
        raise FilterInvalid(f"from names no delivery: {delivery_id[:80]!r} is not known")
    if row.state != DeliveryState.RECORDED:
        raise FilterInvalid(
            f"from names a delivery that is {row.state}: only a recorded one can be billed from;"
            " see `receiver show` and replay it first"
        )
    return Origin(delivery_id, row.source)


async def _of_kept_customers(connection: AsyncConnection, ids: Sequence[str]) -> list[Row]:
    """The rows of these outcomes, but for those of customers who were erased."""
    erased = select(purged_customers.c.pseudonym)
    rows = await connection.execute(
        select(outcomes).where(outcomes.c.id.in_(ids), outcomes.c.customer_id.not_in(erased))
    )
    return [dict(row) for row in rows.mappings()]


def _gone(evidence: str) -> CorrectionRefused:
    return CorrectionRefused(f"the body of its delivery {WHY_GONE.get(evidence, 'is gone')}")
