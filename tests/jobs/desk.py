"""A worker, and a person who corrects by hand what it billed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select

from jobs.audits.books import faults_of_keys
from jobs.common.problem import Problem
from jobs.corrections.charges import find_named
from jobs.corrections.remapped import Origin
from jobs.corrections.remapper import Remapper, find_origin
from jobs.corrections.request import CorrectionRequest, ReinstatementRequest
from jobs.corrections.result import CorrectionResult
from jobs.corrections.runner import correct
from jobs.filters import ChargeFilter
from jobs.settling.settle import Settler
from jobs.storage.schema import actions, billing_events, outcomes
from tests.jobs.doubles import FakeMappings, body, mapping_set
from tests.jobs.workshop import Workshop

ALL = ChargeFilter(source="crm")
#: Seconds later than any correction of the tests is made.
TO_COME = 100_000_000


@dataclass(frozen=True)
class Desk:
    """All on one database; what the mapping gives is changed by way of `fake`."""

    workshop: Workshop
    fake: FakeMappings
    settler: Settler

    async def settle(self, *outcomes_to_bill: dict[str, Any], source: str = "crm") -> list[str]:
        """A delivery for each outcome, settled one after the other; their ids."""
        ids = []
        for outcome in outcomes_to_bill:
            (delivery,) = await self.workshop.post(body(outcome), source=source)
            await self.settler.settle([delivery])
            ids.append(delivery)
        return ids

    def request(
        self,
        where: ChargeFilter,
        *,
        rebill: bool,
        limit: int | None = None,
        origin: Origin | None = None,
    ) -> CorrectionRequest:
        remapper = Remapper(mapping_set(self.fake), origin=origin) if rebill else None
        return CorrectionRequest(where=where, remapper=remapper, limit=limit)

    async def reverse(self, *ids: str, where: ChargeFilter = ALL, **more: Any) -> CorrectionResult:
        return await self._correct(ids, where, rebill=False, **more)

    async def rebill(
        self, *ids: str, where: ChargeFilter = ALL, origin: str | None = None, **more: Any
    ) -> CorrectionResult:
        """With an `origin`, the id of a delivery, by what the mapping gives for it."""
        if origin is not None:
            more["origin"] = await find_origin(self.workshop.database, origin)
        return await self._correct(ids, where, rebill=True, **more)

    async def _correct(
        self, ids: tuple[str, ...], where: ChargeFilter, *, rebill: bool, **more: Any
    ) -> CorrectionResult:
        chosen = ChargeFilter(ids=ids) if ids else where
        request = self.request(chosen, rebill=rebill, **more)
        return await correct(self.workshop.database, request, actor="test", note="a mistake")

    async def reinstate(self, *ids: str) -> CorrectionResult:
        """Bring back what these ids name; AssertionError where one names nothing."""
        database = self.workshop.database
        named, unknown = await find_named(database, ids)
        assert not unknown
        return await correct(
            database, ReinstatementRequest(named), actor="test", note="not a mistake"
        )

    async def ledger(self, key: str) -> list[int]:
        ledgers = await self.workshop.ledgers()
        return [line.micros for line in ledgers.get(key, [])]

    async def open_line(self, key: str) -> Any:
        events = billing_events.c
        found = await self.workshop.all(
            select(billing_events)
            .where(events.outcome_key == key)
            .order_by(events.sequence.desc())
            .limit(1)
        )
        return found[0]

    async def totals(self) -> dict[str, tuple[int, int]]:
        events = billing_events.c
        found = await self.workshop.all(
            select(events.customer_id, func.sum(events.amount_micros), func.count()).group_by(
                events.customer_id
            )
        )
        return {row.customer_id: (int(row[1]), row[2]) for row in found}

    async def counts(self) -> list[int]:
        return [await self.workshop.count(one) for one in (outcomes, billing_events, actions)]

    async def faults(self, keys: Sequence[str]) -> list[Problem]:
        """What the service's own check of its books finds."""
        async with self.workshop.database.read() as connection:
            return await faults_of_keys(connection, keys)
