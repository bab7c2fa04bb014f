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
from jobs.ledger.horizon import posting_time
from jobs.ledger.repository import Posting, load_books, lock_keys
from jobs.mapping_store import refuse_outdated
from jobs.privacy.purged import erase, hold_off_purges_or_leave
from jobs.replays.items import answer_replays
from jobs.settling.fold import Claimed, Fate, fates_of
from jobs.settling.versions import keep_versions
from jobs.storage.database import Database
from jobs.storage.schema import deliveries
from mappings.engine.types import Kind, Mapped, VersionText


class StateChangedUnderLock(JobsError):
    """A delivery changed its state although this transaction holds its row."""


@dataclass(frozen=True, slots=True)
class Work:
    """A claimed delivery, and what the mapping said of it; "" is a set that is always in force."""

    delivery: Claimed
    mapped: Mapped
    mapping_version: str = ""


class Recorder:
    """Settles mapped deliveries."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._kept_versions: set[str] = set()
        self._billed_rules: set[tuple[str, str, str]] = set()

    async def settle(
        self, work: Sequence[Work], versions: Mapping[str, VersionText]
    ) -> dict[str, Fate]:
        """Settle these deliveries in one transaction; return the fates of those still waiting.

        Deliveries that another worker holds or has settled are skipped. Raises MappingsOutdated
        where a rule would bill for the first time and another set of mappings is in force, and
        what the database raised; then nothing was settled by this call.
        """
        ordered = sorted(work, key=lambda one: (one.delivery.received_at, one.delivery.id))
        async with self._database.write() as connection:
            await hold_off_purges_or_leave(self._database, connection)
            held = await _hold(connection, [one.delivery.id for one in ordered])
            mine = [one for one in ordered if one.delivery.id in held]
            said = await erase(connection, {one.delivery.id: one.mapped for one in mine})
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
            fates = fates_of(((one.delivery, said[one.delivery.id]) for one in mine), books)
            await self._write(connection, fates, versions, recorded_at)
            charged = _charged(fates.values())
            if charged - self._billed_rules:
                await refuse_outdated(connection, ordered[0].mapping_version)
        self._kept_versions |= _used(fates.values())
        self._billed_rules |= charged
        return fates

    async def _write(
        self,
        connection: AsyncConnection,
        fates: Mapping[str, Fate],
        versions: Mapping[str, VersionText],
        recorded_at: datetime,
    ) -> None:
        posting = Posting(recorded_at)
        for fate in fates.values():
            for outcome, recorded, step in fate.steps:
                posting.add(outcome.key, recorded, step, rule=outcome.rule, value=outcome.value)
        new = _used(fates.values()) - self._kept_versions
        await keep_versions(self._database, connection, new, versions, recorded_at)
        await posting.write(self._database, connection)
        await _settle_rows(connection, fates, recorded_at)


def _used(fates: Iterable[Fate]) -> set[str]:
    """The versions behind what these fates record."""
    return {
        version
        for fate in fates
        for outcome, _recorded, _step in fate.steps
        for version in (outcome.mapping_version, outcome.price_version)
        if version is not None
    }


def _charged(fates: Iterable[Fate]) -> set[tuple[str, str, str]]:
    """The rules behind the charges that these fates record: source, name, and by which text."""
    return {
        (recorded.source, outcome.rule, outcome.mapping_version)
        for fate in fates
        for outcome, recorded, _step in fate.steps
        if outcome.kind is Kind.CHARGE
    }


async def _hold(connection: AsyncConnection, ids: Sequence[str]) -> set[str]:
    """Lock those rows that still wait and that nobody else holds."""
    columns = deliveries.c
    found = await connection.execute(
        select(columns.id)
        .where(columns.id.in_(ids), columns.state == "received")
        .order_by(columns.id)
        .with_for_update(skip_locked=True, key_share=True)
    )
    return set(found.scalars())


async def _settle_rows(
    connection: AsyncConnection, fates: Mapping[str, Fate], settled_at: datetime
) -> None:
    """Write the fates, one statement for all that share one; each on condition of `received`."""
    alike: dict[Fate, list[str]] = defaultdict(list)
    for delivery_id, fate in fates.items():
        alike[fate].append(delivery_id)
    for fate, ids in alike.items():
        done = await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(ids), deliveries.c.state == "received")
            .values(
                state=fate.state,
                reason=fate.reason,
                detail=fate.detail,
                rule=fate.rule,
                held_back=fate.held_back,
                failure_group=fate.group,
                settled_at=settled_at,
            )
        )
        if done.rowcount != len(ids):
            message = f"{len(ids) - done.rowcount} of {len(ids)} deliveries are no longer received"
            raise StateChangedUnderLock(message)
        await answer_replays(connection, ids, fate.state)
