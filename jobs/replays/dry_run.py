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

from jobs.common.money import money
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.ledger.book import KeyBook
from jobs.ledger.repository import load_books
from jobs.ledger.spill import Spill
from jobs.privacy.guard import pseudonymize
from jobs.privacy.pseudonyms import Pseudonymized
from jobs.replays.comparison import compare
from jobs.replays.replay import selection
from jobs.replays.runner import claimed, mapped_now, outcomes_of
from jobs.settling.fold import ClaimedDelivery, settlement_of
from jobs.storage.batching import with_bodies
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import OLDEST_DAYS, Mapped

#: Still failing ones that are shown.
SHOWN_FAILING = 20
#: Differences that are shown.
SHOWN_DIFFERENCES = 1_000


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
            "amounts": [
                {"currency": currency, "amount": money(micros)}
                for currency, micros in sorted(self.amounts_micros.items())
            ],
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
    chosen, _ = selection(where, limit=limit)
    async with database.read() as connection:
        ids = list((await connection.execute(chosen)).scalars())
    with closing(Spill[KeyBook]()) as spill:
        rehearsal = _Rehearsal(mappings, oldest_days, spill)
        rehearsal.result.mapping_version = mappings.digest
        async for rows in with_bodies(database, ids):
            mapped = await asyncio.to_thread(rehearsal.map, rows)
            async with database.read() as connection:
                await rehearsal.take(connection, rows, await pseudonymize(connection, mapped))
    return rehearsal.result


class _Rehearsal:
    """The books as they would become, laid aside from step to step."""

    def __init__(
        self, mappings: MappingSet, oldest_days: int | None, spill: Spill[KeyBook]
    ) -> None:
        self._mappings = mappings
        self._oldest_days = oldest_days
        self._spill = spill
        self.result = DryRun()

    async def take(
        self,
        connection: AsyncConnection,
        rows: Sequence[RowMapping],
        mapped: Mapping[str, Pseudonymized],
    ) -> None:
        keys = {outcome.key for one in mapped.values() for outcome in one.outcomes}
        books = await asyncio.to_thread(self._spill.take, keys)
        books |= await load_books(connection, keys - books.keys())
        said = await outcomes_of(
            connection, [r["id"] for r in rows if r["state"] == DeliveryState.RECORDED]
        )
        for row in rows:
            self._settle(row, mapped.get(row["id"]), said.get(row["id"], ()), books)
        await asyncio.to_thread(self._spill.put, books)

    def map(self, rows: Sequence[RowMapping]) -> dict[str, Mapped]:
        return {
            row["id"]: mapped_now(self._mappings, claimed(row), oldest_days=self._oldest_days)
            for row in rows
            if row["body"] is not None
        }

    def _settle(
        self,
        row: RowMapping,
        mapped: Pseudonymized | None,
        said: Sequence[Mapping[str, Any]],
        books: Mapping[str, KeyBook],
    ) -> None:
        result = self.result
        result.matched += 1
        if mapped is None or row["state"] == DeliveryState.RECORDED:
            result.would["unchanged"] += 1
            result.unchanged_no_body += mapped is None
            if mapped is not None and len(result.differences) < SHOWN_DIFFERENCES:
                result.differences += [d.as_json() for d in compare(row["id"], said, mapped)]
            return
        settlement = settlement_of(claimed(row), mapped, books)
        result.would[settlement.state] += 1
        for _outcome, _recorded, step in settlement.steps:
            for entry in step.entries:
                result.amounts_micros[entry.currency] += entry.amount_micros
        if settlement.state == DeliveryState.FAILED and len(result.still_failing) < SHOWN_FAILING:
            result.still_failing.append(
                _failing(claimed(row), settlement.reason, settlement.rule, settlement.detail)
            )


def _failing(
    delivery: ClaimedDelivery, reason: str | None, rule: str | None, detail: str | None
) -> dict[str, Any]:
    return {
        "delivery": delivery.id,
        "source": delivery.source,
        "reason": reason,
        "rule": rule,
        "detail": detail,
    }
