"""The settling transaction: delivery rows, keys, books, fold, write; all or nothing.

Owns the one place where billing events are written for deliveries. Refuses to map or price:
that happened before, outside, on one version of the mappings.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import JobsError
from jobs.common.states import DeliveryState
from jobs.ledger.horizon import posting_time
from jobs.ledger.repository import LedgerWriter, load_books, lock_keys
from jobs.mapping_store import refuse_outdated
from jobs.privacy.guard import hold_off_purges_or_leave, pseudonymize
from jobs.settling.fold import ClaimedDelivery, Settlement, settlements_of
from jobs.settling.replay_results import note_results
from jobs.settling.versions import keep_versions
from jobs.storage.database import Database
from jobs.storage.schema import deliveries
from mappings.engine.types import Kind, Mapped, VersionText


class StateChangedUnderLock(JobsError):
    """A delivery changed its state although this transaction holds its row."""


@dataclass(frozen=True, slots=True)
class MappedDelivery:
    """A claimed delivery, and what the mapping said of it; "" is a set that is always in force."""

    delivery: ClaimedDelivery
    mapped: Mapped
    mapping_version: str = ""


class Recorder:
    """Settles mapped deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept_versions: set[str] = set()
        self._billed_rules: set[tuple[str, str, str]] = set()

    async def settle(
        self, work: Sequence[MappedDelivery], versions: Mapping[str, VersionText]
    ) -> dict[str, Settlement]:
        """Settle these deliveries in one transaction; return what those still waiting became.

        Deliveries that another worker holds or has settled are skipped. Raises MappingsOutdated
        where a rule would bill for the first time and another set of mappings is in force, and
        what the database raised; then nothing was settled by this call.
        """
        ordered = sorted(work, key=lambda one: (one.delivery.received_at, one.delivery.id))
        async with self._database.write() as connection:
            await hold_off_purges_or_leave(self._database, connection)
            held = await _hold(connection, [one.delivery.id for one in ordered])
            mine = [one for one in ordered if one.delivery.id in held]
            said = await pseudonymize(connection, {one.delivery.id: one.mapped for one in mine})
            keys = {
                outcome.key
                for one in said.values()
                if not one.failures and not one.shadow
                for outcome in one.outcomes
            }
            await lock_keys(self._database, connection, keys)
            books = await load_books(connection, keys)
            # Not before the locks are held, nor by the clock of this process, which may be wrong.
            recorded_at = await posting_time(self._database, connection)
            settlements = settlements_of(
                ((one.delivery, said[one.delivery.id]) for one in mine), books
            )
            await self._write(connection, settlements, versions, recorded_at)
            charged = _charged(settlements.values())
            if charged - self._billed_rules:
                await refuse_outdated(connection, ordered[0].mapping_version)
        self._kept_versions |= _used(settlements.values())
        self._billed_rules |= charged
        return settlements

    async def _write(
        self,
        connection: AsyncConnection,
        settlements: Mapping[str, Settlement],
        versions: Mapping[str, VersionText],
        recorded_at: datetime,
    ) -> None:
        writer = LedgerWriter(recorded_at)
        for settlement in settlements.values():
            for outcome, recorded, step in settlement.steps:
                writer.add(outcome.key, recorded, step, rule=outcome.rule, value=outcome.value)
        new = _used(settlements.values()) - self._kept_versions
        await keep_versions(self._database, connection, new, versions, recorded_at)
        await writer.write(self._database, connection)
        await _settle_rows(connection, settlements, recorded_at)


def _used(settlements: Iterable[Settlement]) -> set[str]:
    """The versions behind what these settlements record."""
    return {
        version
        for settlement in settlements
        for outcome, _recorded, _step in settlement.steps
        for version in (outcome.mapping_version, outcome.price_version)
        if version is not None
    }


def _charged(settlements: Iterable[Settlement]) -> set[tuple[str, str, str]]:
    """The rules behind the charges recorded: source, name, and by which text."""
    return {
        (recorded.source, outcome.rule, outcome.mapping_version)
        for settlement in settlements
        for outcome, recorded, _step in settlement.steps
        if outcome.kind is Kind.CHARGE
    }


async def _hold(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Lock those rows that still wait and that nobody else holds."""
    columns = deliveries.c
    found = await connection.execute(
        select(columns.id)
        .where(columns.id.in_(ids), columns.state == DeliveryState.RECEIVED)
        .order_by(columns.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return set(found.scalars())


async def _settle_rows(
    connection: AsyncConnection, settlements: Mapping[str, Settlement], settled_at: datetime
) -> None:
    """Write the settlements, alike ones in one statement, each on condition of `received`."""
    alike: dict[Settlement, list[str]] = defaultdict(list)
    for delivery_id, settlement in settlements.items():
        alike[settlement].append(delivery_id)
    for settlement, ids in alike.items():
        done = await connection.execute(
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
        if done.rowcount != len(ids):
            message = f"{len(ids) - done.rowcount} of {len(ids)} deliveries are no longer received"
            raise StateChangedUnderLock(message)
        await note_results(connection, ids, settlement.state)
