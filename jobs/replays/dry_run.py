"""Dry run: what a replay would settle how, and which amounts it would post. Writes nothing.

Owns the rehearsal: deliveries are folded into the same books by the same decisions as in
settling, but the books are thrown away.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.money import amounts_json
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.ledger.book import KeyBook
from jobs.ledger.fold import ClaimedDelivery, settlement_of
from jobs.ledger.repository import load_books
from jobs.ledger.spill import Spill
from jobs.privacy.guard import pseudonymize
from jobs.privacy.pseudonyms import Pseudonymized
from jobs.replays.comparison import SHOWN_DIFFERENCES, compare
from jobs.replays.recorded import outcomes_in_force
from jobs.replays.replay import read_selection
from jobs.settling.mapper import claimed_from, preview_rows
from jobs.storage.batching import with_bodies
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS

#: Still failing ones that are shown.
SHOWN_FAILING = 20


@dataclass(slots=True)
class DryRun:
    """What would happen: counts by state, the sums by currency, what still fails, differences."""

    mapping_version: str = ""
    matched: int = 0
    would: Counter[str] = field(default_factory=Counter)
    unchanged_no_body: int = 0  # of those that would stay unchanged
    amounts_micros: Counter[str] = field(default_factory=Counter)
    still_failing: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object that API and CLI show."""
        return {
            "mapping_version": self.mapping_version,
            "matched": self.matched,
            "would": dict(sorted(self.would.items())),
            "unchanged_no_body": self.unchanged_no_body,
            "amounts": amounts_json(self.amounts_micros),
            "still_failing": self.still_failing,
            "differences": self.differences,
        }


async def dry_run(
    database: Database,
    mappings: MappingSet,
    where: DeliveryFilter,
    *,
    limit: int | None = None,
    oldest_days: int | None = OLDEST_DAYS,
) -> DryRun:
    """Rehearse the replay of what `where` selects. Raises FilterInvalid as `start_replay` does."""
    ids, _ = await read_selection(database, where, limit=limit)
    with closing(Spill[KeyBook]()) as spill:
        rehearsal = _Rehearsal(DryRun(mapping_version=mappings.digest), spill)
        async for rows in with_bodies(database, ids):
            mapped = await asyncio.to_thread(preview_rows, mappings, rows, oldest_days=oldest_days)
            async with database.read() as connection:
                await rehearsal.settle(connection, rows, await pseudonymize(connection, mapped))
    return rehearsal.result


class _Rehearsal:
    """The books as they would become, laid aside from step to step."""

    def __init__(self, result: DryRun, spill: Spill[KeyBook]) -> None:
        self.result = result
        self._spill = spill

    async def settle(
        self,
        connection: AsyncConnection,
        rows: Sequence[RowMapping],
        mapped: Mapping[str, Pseudonymized],
    ) -> None:
        keys = {outcome.key for now in mapped.values() for outcome in now.outcomes}
        books = await asyncio.to_thread(self._spill.take, keys)
        books |= await load_books(connection, keys - books.keys())
        recorded = [row["id"] for row in rows if row["state"] == DeliveryState.RECORDED]
        billed = await outcomes_in_force(connection, recorded)
        for row in rows:
            now = mapped.get(row["id"])
            if now is None or row["state"] == DeliveryState.RECORDED:
                self._leave(row["id"], billed.get(row["id"], ()), now)
            else:
                self._settle(claimed_from(row), now, books)
        await asyncio.to_thread(self._spill.put, books)

    def _leave(
        self, delivery_id: str, billed: Sequence[Mapping[str, Any]], now: Pseudonymized | None
    ) -> None:
        """A delivery that a replay leaves as it is; without a body there is nothing to compare."""
        result = self.result
        result.matched += 1
        result.would["unchanged"] += 1
        result.unchanged_no_body += now is None
        if now is not None and len(result.differences) < SHOWN_DIFFERENCES:
            result.differences += compare(delivery_id, billed, now)

    def _settle(
        self, delivery: ClaimedDelivery, now: Pseudonymized, books: Mapping[str, KeyBook]
    ) -> None:
        result = self.result
        result.matched += 1
        settlement = settlement_of(delivery, now, books)
        result.would[settlement.state] += 1
        for step in settlement.steps:
            for entry in step.entries:
                result.amounts_micros[entry.currency] += entry.amount_micros
        if settlement.state == DeliveryState.FAILED and len(result.still_failing) < SHOWN_FAILING:
            result.still_failing.append(
                {
                    "delivery": delivery.id,
                    "source": delivery.source,
                    "reason": settlement.reason,
                    "rule": settlement.rule,
                    "detail": settlement.detail,
                }
            )
