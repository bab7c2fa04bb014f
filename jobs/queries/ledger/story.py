"""How a line of the ledger came about: one billing event, or all that is recorded of a key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import AwareDatetime
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.queries.actions import ActionItem, actions_of
from jobs.queries.ledger.billing_events import BillingEventItem, billing_item, billing_lines
from jobs.queries.ledger.outcomes import OutcomeItem, outcome_fields
from jobs.queries.shape import Shape
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, deliveries, mapping_versions, outcomes


class KeyOutcomeItem(OutcomeItem):
    """An outcome among the others of its key: which delivery it came from, null if by hand."""

    delivery_id: str | None
    source: str


class SignedDelivery(Shape):
    """The delivery behind a billing event: what was signed is named by its hash."""

    id: str
    source: str
    state: str
    received_at: AwareDatetime
    vendor_id: str | None
    verified_by: str | None
    body_sha256: str
    evidence: Literal["kept", "expired", "purged"]
    duplicates: int


class VersionItem(Shape):
    """A text that billed: a mapping file, a table or the catalogue, by the hash of its content."""

    version: str
    kind: str
    name: str
    first_used_at: AwareDatetime


class VersionText(VersionItem):
    """The same with the text; `parts` are the versions of the tables that a mapping looks up."""

    text: str
    parts: dict[str, str]


class OutcomeKeyStory(Shape):
    """All that is recorded of one outcome key, in the order recorded.

    `open_charge` is the billing event that stands, null where nothing is owed. Of a key with very
    many outcomes the first thousand are listed; `outcomes_count` counts all.
    """

    outcome_key: str
    open_charge: str | None
    outcomes_count: int
    outcomes: tuple[KeyOutcomeItem, ...]
    billing_events: tuple[BillingEventItem, ...]
    actions: tuple[ActionItem, ...]


class BillingEventEvidence(BillingEventItem):
    """One billing event with what led to it and what became of it.

    `delivery` is null where a person caused it. `reversed_by` is the billing event that takes it
    back. `versions` name the texts that billed. `outcomes`, `billing_events` and `actions` are
    those of its key; an outcome whose verdict is `duplicate` billed nothing beside it.
    """

    event_index: int | None
    mapping_version: str | None
    price_version: str | None
    reversed_by: str | None
    delivery: SignedDelivery | None
    versions: tuple[VersionItem, ...]
    outcomes_count: int
    outcomes: tuple[KeyOutcomeItem, ...]
    billing_events: tuple[BillingEventItem, ...]
    actions: tuple[ActionItem, ...]


#: So many outcomes and billing events of one key are listed.
MOST_OF_A_KEY = 1_000


async def read_billing_event(database: Database, event_id: str) -> BillingEventEvidence | None:
    """The billing event with its delivery, its versions and its key's story; None if unknown."""
    columns = billing_events.c
    more = (columns.event_index, columns.mapping_version, columns.price_version)
    query = billing_lines().add_columns(*more).where(columns.id == event_id)
    async with database.snapshot() as connection:
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
    async with database.snapshot() as connection:
        story = await _story(connection, key)
    return story if story.outcomes_count else None


async def read_version(database: Database, version: str) -> VersionText | None:
    """The text that billed under this version; None if unknown."""
    query = select(mapping_versions).where(mapping_versions.c.version == version)
    async with database.read() as connection:
        row = (await connection.execute(query)).mappings().one_or_none()
    return None if row is None else VersionText.model_validate(dict(row))


async def _story(connection: AsyncConnection, key: str) -> OutcomeKeyStory:
    decided, lines = outcomes.c, billing_events.c
    count = await connection.scalar(select(func.count()).where(decided.outcome_key == key))
    in_order = select(outcomes).where(decided.outcome_key == key).order_by(decided.ordinal)
    result = await connection.execute(in_order.limit(MOST_OF_A_KEY))
    items = [_outcome(row) for row in result.mappings()]
    posted = billing_lines().where(lines.outcome_key == key).order_by(lines.sequence)
    rows = (await connection.execute(posted.limit(MOST_OF_A_KEY))).mappings()
    ledger = [billing_item(row) for row in rows]
    return OutcomeKeyStory(
        outcome_key=key,
        open_charge=await _open_charge(connection, key),
        outcomes_count=int(count or 0),
        outcomes=tuple(items),
        billing_events=tuple(ledger),
        actions=tuple(await actions_of(connection, [item.action_id for item in items])),
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
    reversal: str | None = await connection.scalar(query)
    return reversal


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
    wanted = list(dict.fromkeys(version for version in versions if version))
    columns = [mapping_versions.c[name] for name in VersionItem.model_fields]
    query = select(*columns).where(mapping_versions.c.version.in_(wanted))
    rows = (await connection.execute(query)).mappings()
    known = {row["version"]: VersionItem.model_validate(dict(row)) for row in rows}
    return [known[version] for version in wanted if version in known]


def _outcome(row: Any) -> KeyOutcomeItem:
    return KeyOutcomeItem(
        **outcome_fields(row), delivery_id=row["delivery_id"], source=row["source"]
    )
