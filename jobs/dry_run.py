"""Dry run: what a replay would settle how, and which amounts it would post. Writes nothing.

Owns the rehearsal: deliveries are folded into the same books by the same decisions as in
settling, but the books are thrown away.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.book import KeyBook
from jobs.comparison import compare
from jobs.database import Database
from jobs.erasure import Erased
from jobs.filters import DeliveryFilter
from jobs.fold import Claimed, fate_of
from jobs.keybook import chunks, load_books
from jobs.money import money
from jobs.purged import erase
from jobs.replay import selection
from jobs.replay_runner import claimed, mapped_now, outcomes_of
from jobs.schema import deliveries
from mappings.load import MappingSet
from mappings.types import OLDEST_DAYS, Mapped

#: Deliveries loaded at once.
STEP = 200
#: Still failing ones that are shown.
SHOWN_FAILING = 20
#: Differences that are shown.
SHOWN_DIFFERENCES = 1_000


@dataclass(slots=True)
class DryRun:
    """What would happen: counts by state, the sums by currency, what still fails, differences."""

    matched: int = 0
    would: Counter[str] = field(default_factory=Counter)
    unchanged_no_body: int = 0  # of those that would stay unchanged
    amounts_micros: Counter[str] = field(default_factory=Counter)
    still_failing: list[dict[str, Any]] = field(default_factory=list)
    differences: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The object that API and CLI show."""
        return {
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
    rehearsal = _Rehearsal(mappings, oldest_days)
    async with database.read() as connection:
        ids = list((await connection.execute(chosen)).scalars())
    for chunk in chunks(ids, STEP):
        async with database.read() as connection:
            await rehearsal.take(connection, chunk)
    return rehearsal.result


class _Rehearsal:
    """The books as they would become, kept from step to step."""

    def __init__(self, mappings: MappingSet, oldest_days: int | None) -> None:
        self._mappings = mappings
        self._oldest_days = oldest_days
        self._books: dict[str, KeyBook] = {}
        self.result = DryRun()

    async def take(self, connection: AsyncConnection, ids: Sequence[str]) -> None:
        found = await connection.execute(
            select(deliveries)
            .where(deliveries.c.id.in_(ids))
            .order_by(deliveries.c.received_at, deliveries.c.id)
        )
        rows = found.mappings().all()
        mapped = await erase(connection, await asyncio.to_thread(self._map, rows))
        new_keys = {o.key for one in mapped.values() for o in one.outcomes} - self._books.keys()
        self._books |= await load_books(connection, new_keys)
        said = await outcomes_of(connection, [r["id"] for r in rows if r["state"] == "recorded"])
        for row in rows:
            self._settle(row, mapped.get(row["id"]), said.get(row["id"], ()))

    def _map(self, rows: Sequence[RowMapping]) -> dict[str, Mapped]:
        return {
            row["id"]: mapped_now(self._mappings, claimed(row), oldest_days=self._oldest_days)
            for row in rows
            if row["body"] is not None
        }

    def _settle(
        self, row: RowMapping, mapped: Erased | None, said: Sequence[Mapping[str, Any]]
    ) -> None:
        result = self.result
        result.matched += 1
        if mapped is None or row["state"] == "recorded":
            result.would["unchanged"] += 1
            result.unchanged_no_body += mapped is None
            if mapped is not None and len(result.differences) < SHOWN_DIFFERENCES:
                result.differences += [d.as_json() for d in compare(row["id"], said, mapped)]
            return
        fate = fate_of(claimed(row), mapped, self._books)
        result.would[fate.state] += 1
        for _outcome, _recorded, step in fate.steps:
            for entry in step.entries:
                result.amounts_micros[entry.currency] += entry.amount_micros
        if fate.state == "failed" and len(result.still_failing) < SHOWN_FAILING:
            result.still_failing.append(_failing(claimed(row), fate.reason, fate.rule, fate.detail))


def _failing(
    delivery: Claimed, reason: str | None, rule: str | None, detail: str | None
) -> dict[str, Any]:
    return {
        "delivery": delivery.id,
        "source": delivery.source,
        "reason": reason,
        "rule": rule,
        "detail": detail,
    }
