"""What a person requests: which charges, and what is to become of them.

Owns how the charges are found, a step at a time, and how each step is decided; see
`jobs.corrections.runner` for the transactions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.charges import (
    Named,
    closed_charges,
    last_charges,
    last_open,
    next_open,
    open_charge_summary,
)
from jobs.corrections.manual import (
    CorrectionContext,
    CorrectionKind,
    Decided,
    OpenCharge,
    rebill_all,
    reverse_all,
)
from jobs.corrections.reinstatement import reinstate_all
from jobs.corrections.remapper import Remapper
from jobs.filters import ChargeFilter
from jobs.ledger.book import KeyBook
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet

#: Charges corrected in one transaction.
STEP = 100

#: What becomes of the charges of a step, in their books, once their keys are locked.
Decide = Callable[[AsyncConnection, Mapping[str, KeyBook], CorrectionContext], Awaitable[Decided]]


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectionRequest:
    """Open charges taken back; with `remapper` they are rebilled instead.

    Raises FilterInvalid for an empty filter.
    """

    where: ChargeFilter
    remapper: Remapper | None = None
    limit: int | None = None

    def __post_init__(self) -> None:
        self.where.check_not_empty("reverse")

    @property
    def kind(self) -> CorrectionKind:
        """The kind of its entries in `actions`."""
        return "reverse" if self.remapper is None else "rebill"

    @property
    def mappings(self) -> MappingSet | None:
        """What it bills by; None where it uses no mappings."""
        return None if self.remapper is None else self.remapper.mappings

    def noted(self, charges: Sequence[OpenCharge]) -> dict[str, Any]:
        """The request, as it is noted with these charges, which it corrected.

        That is the filter; of the ids that were named those that these charges have. The charge
        stands in for its key: a key may hold a customer's id, and `actions` are never rewritten.
        """
        where = self.where.as_json()
        if self.remapper is not None and self.remapper.origin is not None:
            where["from"] = self.remapper.origin.id
        if "ids" in where:
            by_key = {charge.outcome_key: charge.id for charge in charges}
            known = {name for charge in charges for name in (charge.id, charge.delivery_id)}
            taken = dict.fromkeys(by_key.get(name, name) for name in where["ids"])
            where["ids"] = [name for name in taken if name in known]
        return where

    async def unchanged(self, database: Database) -> int:
        """How many of those named are taken back already; a rebill refuses each of them instead."""
        if self.remapper is not None:
            return 0
        return (await open_charge_summary(database, self.where, limit=0)).unchanged

    async def steps(self, database: Database) -> AsyncIterator[list[OpenCharge]]:
        """By the hundred, those open at the start; what this run posts is not among them."""
        if self.remapper is not None:
            for closed in chunks(await closed_charges(database, self.where), STEP):
                yield closed
        last = await last_open(database, self.where)
        after, left = "", self.limit
        while last is not None and (left is None or left > 0):
            size = STEP if left is None else min(STEP, left)
            async with database.read() as connection:
                charges = await next_open(
                    connection, self.where, after=after, last=last, limit=size
                )
            if not charges:
                return
            yield charges
            after = charges[-1].id
            left = None if left is None else left - len(charges)

    async def prepare(self, database: Database, charges: Sequence[OpenCharge]) -> Decide:
        """The decision on these, prepared before their keys are locked: it takes time."""
        remapped = None if self.remapper is None else await self.remapper.of(database, charges)

        async def decide(
            connection: AsyncConnection, books: Mapping[str, KeyBook], context: CorrectionContext
        ) -> Decided:
            if remapped is None:
                return reverse_all(charges, books, context)
            return rebill_all(charges, books, await remapped.erased(connection), context)

        return decide


@dataclass(frozen=True, slots=True)
class ReinstatementRequest:
    """Reversals by hand taken back, of what was found to be `named`."""

    named: Named
    mappings: ClassVar[None] = None
    kind: ClassVar[CorrectionKind] = "reinstate"

    def noted(self, charges: Sequence[OpenCharge]) -> dict[str, Any]:
        return {"ids": [charge.id for charge in charges]}

    async def unchanged(self, _database: Database) -> int:
        return 0

    async def steps(self, database: Database) -> AsyncIterator[list[OpenCharge]]:
        """A hundred keys at a time."""
        for keys in chunks(sorted(self.named), STEP):
            async with database.read() as connection:
                charges = await last_charges(connection, keys)
            yield charges

    async def prepare(self, _database: Database, charges: Sequence[OpenCharge]) -> Decide:
        async def decide(
            _connection: AsyncConnection, books: Mapping[str, KeyBook], context: CorrectionContext
        ) -> Decided:
            return reinstate_all(charges, self.named, books, context)

        return decide


#: A correction that a person may request.
CorrectionPlan = CorrectionRequest | ReinstatementRequest
