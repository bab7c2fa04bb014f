"""How a line of the ledger came about: one billing event, or all that is recorded of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.queries.billing import billing_item, billing_lines
from jobs.queries.listing import actions_of, outcome_fields
from jobs.queries.snapshot import snapshot
from jobs.queries.story_shapes import (
    BillingEventEvidence,
    KeyOutcomeItem,
    OutcomeKeyStory,
    SignedDelivery,
    VersionItem,
    VersionText,
)
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, deliveries, mapping_versions, outcomes

#: So many outcomes and billing events of one key are listed.
MOST_OF_A_KEY = 1_000


async def read_billing_event(database: Database, event_id: str) -> BillingEventEvidence | None:
    """The billing event with its delivery, its versions and its key's story; None if unknown."""
    columns = billing_events.c
    more = (columns.event_index, columns.mapping_version, columns.price_version)
    query = billing_lines().add_columns(*more).where(columns.id == event_id)
    async with snapshot(database) as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
        if row is None:
            return None
        item = billing_item(row)
        story = await _story(connection, item.outcome_key)
        versions = [row["mapping_version"], row["price_version"]]
        fields = {
            **item.model_dump(),
            **{column.name: row[column.name] for column in more},
            "reversed_by": await _reversed_by(connection, event_id),
            "delivery": await _delivery(connection, item.delivery_id),
            "versions": await _versions(connection, versions),
            **{name: getattr(story, name) for name in _OF_KEY},
        }
    return BillingEventEvidence.model_validate(fields)


_OF_KEY = ("outcomes_count", "outcomes", "billing_events", "actions")


async def read_outcome_key(database: Database, key: str) -> OutcomeKeyStory | None:
    """All that is recorded of the key; None where nothing is."""
    async with snapshot(database) as connection:
        story = await _story(connection, key)
    return story if story.outcomes_count else None


async def read_version(database: Database, version: str) -> VersionText | None:
    """The text that billed under this version; None if unknown."""
    query = select(mapping_versions).where(mapping_versions.c.version == version)
    async with database.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else VersionText.model_validate(dict(row))


async def _story(connection: AsyncConnection, key: str) -> OutcomeKeyStory:
    said, lines = outcomes.c, billing_events.c
    count = await connection.scalar(select(func.count()).where(said.outcome_key == key))
    told = select(outcomes).where(said.outcome_key == key).order_by(said.ordinal)
    found = await connection.execute(told.limit(MOST_OF_A_KEY))
    items = [_outcome(row) for row in found.mappings()]
    posted = billing_lines().where(lines.outcome_key == key).order_by(lines.sequence)
    rows = (await connection.execute(posted.limit(MOST_OF_A_KEY))).mappings()
    ledger = [billing_item(row) for row in rows]
    return OutcomeKeyStory(
        outcome_key=key,
        open_charge=await _open_charge(connection, key),
        outcomes_count=int(count or 0),
        outcomes=tuple(items),
        billing_events=tuple(ledger),
        actions=tuple(await actions_of(connection, items)),
    )


async def _open_charge(connection: AsyncConnection, key: str) -> str | None:
    lines = billing_events.c
    last = (
        select(lines.id, lines.kind)
        .where(lines.outcome_key == key)
        .order_by(lines.sequence.desc())
        .limit(1)
    )
    row = (await connection.execute(last)).one_or_none()
    return row.id if row is not None and row.kind == "charge" else None


async def _reversed_by(connection: AsyncConnection, event_id: str) -> str | None:
    query = select(billing_events.c.id).where(billing_events.c.reverses == event_id)
    found: str | None = await connection.scalar(query)
    return found


async def _delivery(connection: AsyncConnection, delivery_id: str | None) -> SignedDelivery | None:
    if delivery_id is None:
        return None
    columns = [deliveries.c[name] for name in SignedDelivery.model_fields]
    query = select(*columns).where(deliveries.c.id == delivery_id)
    row = (await connection.execute(query)).mappings().one()
    return SignedDelivery.model_validate(dict(row))


async def _versions(
    connection: AsyncConnection, versions: Sequence[str | None]
) -> list[VersionItem]:
    """The texts behind these versions, each once, in this order."""
    wanted = list(dict.fromkeys(one for one in versions if one is not None))
    columns = [mapping_versions.c[name] for name in VersionItem.model_fields]
    query = select(*columns).where(mapping_versions.c.version.in_(wanted))
    rows = (await connection.execute(query)).mappings()
    known = {row["version"]: VersionItem.model_validate(dict(row)) for row in rows}
    return [known[one] for one in wanted if one in known]


def _outcome(row: Any) -> KeyOutcomeItem:
    return KeyOutcomeItem(
        **outcome_fields(row), delivery_id=row["delivery_id"], source=row["source"]
    )
