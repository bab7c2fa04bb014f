"""What the mapping gives now for charges that are to be billed anew.

Owns which delivery is asked: the one whose outcome the key owes, since its price is the one in
force. Refuses to guess where its body is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.byhand import OpenCharge, Refused
from jobs.corrections.charges import deliveries_of
from jobs.database import Database
from jobs.erasure.pseudonyms import Erased
from jobs.erasure.purged import erase
from jobs.ledger.keybook import load_books
from jobs.replays.runner import claimed, mapped_now
from jobs.retention.evidence import WHY_GONE
from mappings.load import MappingSet
from mappings.types import OLDEST_DAYS, Mapped, VersionText


@dataclass(frozen=True, slots=True)
class Told:
    """What the mapping gives now for deliveries, by their ids, and which it cannot be asked for."""

    mapped: Mapping[str, Mapped]
    refused: Mapping[str, Refused]

    async def erased(self, connection: AsyncConnection) -> dict[str, Erased | Refused]:
        """The same as the ledger knows it, with pseudonyms for all who are purged as of now."""
        return {**await erase(connection, self.mapped), **self.refused}


class Proposals:
    """Asks one version of the mappings; outside of transactions, since mapping takes its time."""

    def __init__(self, mappings: MappingSet, *, oldest_days: int | None = OLDEST_DAYS) -> None:
        self._mappings = mappings
        self._oldest_days = oldest_days
        self._mapped: dict[str, Mapped] = {}

    @property
    def versions(self) -> Mapping[str, VersionText]:
        """The texts behind what is proposed."""
        return self._mappings.versions

    async def of(self, database: Database, charges: Sequence[OpenCharge]) -> Told:
        """What the deliveries give that these keys owe for now."""
        async with database.read() as connection:
            books = await load_books(connection, [one.outcome_key for one in charges])
            owed = [book.owed() for book in books.values()]
            wanted = {one.delivery_id for one in owed if one is not None and one.delivery_id}
            # A delivery of many charges is met by several steps in turn: it is mapped once.
            known = {one: said for one, said in self._mapped.items() if one in wanted}
            rows = await deliveries_of(connection, sorted(wanted - known.keys()))
        kept = {one: row for one, row in rows.items() if row["body"] is not None}
        self._mapped = known | await asyncio.to_thread(self._map, kept)
        gone = {one: _gone(row["evidence"]) for one, row in rows.items() if one not in kept}
        return Told(self._mapped, gone)

    def _map(self, rows: Mapping[str, Mapping[str, Any]]) -> dict[str, Mapped]:
        return {
            delivery_id: mapped_now(self._mappings, claimed(row), oldest_days=self._oldest_days)
            for delivery_id, row in rows.items()
        }


def _gone(evidence: str) -> Refused:
    return Refused(f"the body of its delivery {WHY_GONE.get(evidence, 'is gone')}")
