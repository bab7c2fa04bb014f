"""The settling transaction: lock rows and keys, load books, fold, write; all or nothing.

Owns the one place where billing events are written for deliveries. Refuses to map or price: that
is done before the transaction, by one version of the mappings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import JobsError
from jobs.common.states import DeliveryState
from jobs.ledger.fold import ClaimedDelivery, Settlement, settlements_of
from jobs.ledger.horizon import posting_time
from jobs.ledger.owing import Step
from jobs.ledger.repository import load_books, lock_keys
from jobs.ledger.writer import LedgerWriter, keep_versions, versions_of
from jobs.mapping_store import refuse_outdated
from jobs.privacy.guard import hold_off_purges_or_leave, pseudonymize
from jobs.storage.database import Database
from jobs.storage.schema import deliveries
from mappings.engine.types import Kind, Mapped, VersionText


class StateChangedUnderLock(JobsError):
    """A delivery changed its state while this transaction held its row."""


@dataclass(frozen=True, slots=True)
class MappedDelivery:
    """A claimed delivery with its outcomes; version "" is a set that is always in force."""

    delivery: ClaimedDelivery
    mapped: Mapped
    mapping_version: str = ""


#: Notes the state that these deliveries settled in, for the replays that released them.
NoteResults = Callable[[AsyncConnection, Sequence[str], str], Awaitable[None]]
#: The source and the name of a rule that charges, and the version of its text.
Rule = tuple[str, str, str | None]


class Recorder:
    """Settles mapped deliveries; `note_results` is part of the transaction."""

    def __init__(self, database: Database, note_results: NoteResults) -> None:
        self._database = database
        self._note_results = note_results
        self._kept_versions: set[str] = set()
        self._billed_rules: set[Rule] = set()

    async def settle(
        self, work: Sequence[MappedDelivery], texts: Mapping[str, VersionText]
    ) -> dict[str, Settlement]:
        """Settle these deliveries in one transaction; return the settlement of each.

        Deliveries that another worker holds or has settled are skipped. Raises MappingsOutdated
        where a rule would bill for the first time and another set of mappings is in force, and
        database errors; then this call has settled nothing.
        """
        ordered = sorted(work, key=lambda each: (each.delivery.received_at, each.delivery.id))
        by_id = {each.delivery.id: each for each in ordered}
        async with self._database.write() as connection:
            await hold_off_purges_or_leave(self._database, connection)
            results = await pseudonymize(
                connection, {name: each.mapped for name, each in by_id.items()}
            )
            held = await _lock_rows(connection, list(by_id))
            mapped = {name: result for name, result in results.items() if name in held}
            keys = {
                outcome.key
                for result in mapped.values()
                if not result.failures and not result.shadow
                for outcome in result.outcomes
            }
            await lock_keys(self._database, connection, keys)
            books = await load_books(connection, keys)
            # Once the locks are held, and by the clock of the database: ours may be wrong.
            recorded_at = await posting_time(self._database, connection)
            settlements = settlements_of(
                ((by_id[name].delivery, result) for name, result in mapped.items()), books
            )
            steps = [step for settlement in settlements.values() for step in settlement.steps]
            versions = versions_of(steps)
            new = versions - self._kept_versions
            await keep_versions(self._database, connection, new, texts, recorded_at)
            await LedgerWriter(steps, recorded_at).write(self._database, connection)
            await self._settle_rows(connection, settlements, recorded_at)
            billed = _billed_rules(steps)
            if billed - self._billed_rules:
                await refuse_outdated(connection, ordered[0].mapping_version)
        self._kept_versions |= versions
        self._billed_rules |= billed
        return settlements

    async def _settle_rows(
        self,
        connection: AsyncConnection,
        settlements: Mapping[str, Settlement],
        settled_at: datetime,
    ) -> None:
        """Write the settlements, equal ones in one statement, each on condition of `received`."""
        ids_by_settlement: dict[Settlement, list[str]] = defaultdict(list)
        for delivery_id, settlement in settlements.items():
            ids_by_settlement[settlement].append(delivery_id)
        for settlement, ids in ids_by_settlement.items():
            updated = await connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids), deliveries.c.state == DeliveryState.RECEIVED)
                .values(
                    state=settlement.state,
                    reason=settlement.reason,
                    detail=settlement.detail,
                    rule=settlement.rule,
                    held_back=settlement.held_back,
                    failure_group=settlement.group,
                    settled_at=settled_at,
                )
            )
            if updated.rowcount != len(ids):
                changed = len(ids) - updated.rowcount
                message = f"{changed} of {len(ids)} deliveries are no longer received"
                raise StateChangedUnderLock(message)
            await self._note_results(connection, ids, settlement.state)


def _billed_rules(steps: Iterable[Step]) -> set[Rule]:
    return {
        (outcome.provenance.source, outcome.rule, outcome.provenance.mapping_version)
        for outcome in (step.outcome for step in steps)
        if outcome.kind is Kind.CHARGE
    }


async def _lock_rows(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Lock those rows that still wait and that no other transaction holds."""
    columns = deliveries.c
    rows = await connection.execute(
        select(columns.id)
        .where(columns.id.in_(ids), columns.state == DeliveryState.RECEIVED)
        .order_by(columns.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return set(rows.scalars())
