"""References to an id outside the ledger: linked bodies, texts we wrote, bodies of others.

Owns the steps of a purge after the ledger: each is a short transaction that can be repeated, on
condition that the row still holds what was read.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import ColumnElement, Table, and_, case, delete, func, or_, select, tuple_, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.states import DeliveryState
from jobs.privacy.evidence import Evidence, remove_bodies
from jobs.privacy.pseudonyms import escaped
from jobs.privacy.purge_report import SHOWN, Elsewhere, Names
from jobs.storage.batching import body_sizes, by_size, chunks
from jobs.storage.database import Database
from jobs.storage.keyset import DELIVERIES
from jobs.storage.schema import (
    alerts,
    audits,
    deliveries,
    mapping_versions,
    outcomes,
    replaced_texts,
    replay_items,
)

#: Deliveries read at once, and texts rewritten in one transaction.
PAGE = 500

#: JSON that we wrote and that may name a customer, in the order rewritten.
_JSON_COLUMNS = ((replay_items, "differences"), (alerts, "detail"), (audits, "detail"))


async def look_elsewhere(database: Database, names: Names, linked: set[str]) -> Elsewhere:
    """Count texts and bodies that contain the id, a page at a time. Changes nothing."""
    counts = Elsewhere()
    body_contains = _contains(database, deliveries.c.body, names.customer)
    mentions = case((deliveries.c.evidence == Evidence.KEPT, body_contains), else_=None)
    async for rows in _deliveries(database, names, mentions.label("mentions")):
        counts.texts += len(_details_without_id(rows, names))
        for row in rows:
            _count(counts, row, linked)
    for table, column in _JSON_COLUMNS:
        async for page in _json_without_id(database, names, table, column):
            counts.texts += len(page)
    counts.versions = await _versions(database, names)
    return counts


async def remove_linked_bodies(
    database: Database, names: Names, linked: set[str]
) -> tuple[int, int]:
    """Remove the bodies of these deliveries; return how many, and how many billed others too."""
    columns, removed, shared = deliveries.c, 0, 0
    for chunk in chunks(sorted(linked), PAGE):
        async with database.read() as connection:
            kept = select(columns.id).where(
                columns.id.in_(chunk), columns.evidence == Evidence.KEPT
            )
            ids = list(await connection.scalars(kept.order_by(columns.id)))
            sizes = await body_sizes(connection, ids)
        shared += await count_shared(database, names, ids)
        for batch in by_size(sizes):
            removed += await remove_bodies(database, batch, Evidence.PURGED, patient=True)
    return removed, shared


async def count_shared(database: Database, names: Names, ids: Sequence[str]) -> int:
    """How many of these deliveries billed other customers too."""
    columns, total = outcomes.c, 0
    async with database.read() as connection:
        for chunk in chunks(ids):
            others = select(func.count(columns.delivery_id.distinct())).where(
                columns.delivery_id.in_(chunk),
                columns.customer_id.is_not(None),
                columns.customer_id.not_in((names.customer, names.pseudonym)),
            )
            total += int(await connection.scalar(others) or 0)
    return total


async def rewrite_texts(database: Database, names: Names) -> int:
    """Replace the id by the pseudonym in the texts we wrote; return how many contained it."""
    rewritten = 0
    async for rows in _deliveries(database, names):
        rewritten += await rewrite_details(database, _details_without_id(rows, names))
    for table, column in _JSON_COLUMNS:
        async for page in _json_without_id(database, names, table, column):
            rewritten += await rewrite_json(database, table, column, page)
    return rewritten


async def forget_replaced(database: Database, connection: AsyncConnection, names: Names) -> None:
    """Delete replaced mapping texts that contain the id: they serve a comparison only."""
    naming = _contains(database, replaced_texts.c.text, names.customer)
    await connection.execute(delete(replaced_texts).where(naming))


async def _deliveries(
    database: Database, names: Names, *more: ColumnElement[Any]
) -> AsyncIterator[Sequence[RowMapping]]:
    """All deliveries in pages; `naming` is the detail of those that may name the id."""
    columns, position = deliveries.c, None
    naming = case((names.are_in(columns.detail), columns.detail), else_=None).label("naming")
    query = select(columns.id, columns.received_at, columns.state, columns.evidence, naming, *more)
    while True:
        async with database.read() as connection:
            page = DELIVERIES.forward(query, position, limit=PAGE)
            rows = (await connection.execute(page)).mappings().all()
        if not rows:
            return
        position = DELIVERIES.position_of(rows[-1])
        yield rows


def _details_without_id(rows: Sequence[RowMapping], names: Names) -> list[tuple[str, str, str]]:
    """Of each delivery whose detail names the id: its id, the detail, the detail rewritten."""
    wording = names.wording
    details = [(row["id"], row["naming"]) for row in rows if row["naming"] is not None]
    rewritten = [(row_id, detail, wording.text(detail)) for row_id, detail in details]
    return [(row_id, before, after) for row_id, before, after in rewritten if before != after]


async def rewrite_details(database: Database, details: Sequence[tuple[str, str, str]]) -> int:
    """Write the details (delivery, before, after) in one transaction; return their number."""
    if not details:
        return 0
    columns = deliveries.c
    async with database.write() as connection:
        for delivery_id, before, after in sorted(details):
            await connection.execute(
                update(deliveries)
                .where(columns.id == delivery_id, columns.detail == before)
                .values(detail=after)
            )
    return len(details)


async def _json_without_id(
    database: Database, names: Names, table: Table, column: str
) -> AsyncIterator[list[tuple[tuple[Any, ...], Any]]]:
    """The rows of the table that name the id, in pages: primary key, and the JSON rewritten."""
    keys = list(table.primary_key.columns)
    value = table.c[column]
    naming = select(*keys, value).where(value.is_not(None), names.are_in(value)).order_by(*keys)
    wording = names.wording
    after: tuple[Any, ...] | None = None
    while True:
        query = naming.limit(PAGE)
        if after is not None:
            query = query.where(tuple_(*keys) > after)
        async with database.read() as connection:
            rows = (await connection.execute(query)).all()
        if not rows:
            return
        after = tuple(rows[-1][:-1])
        rewritten = [(tuple(row[:-1]), wording.value(row[-1])) for row in rows]
        yield [new for new, row in zip(rewritten, rows, strict=True) if new[1] != row[-1]]


async def rewrite_json(
    database: Database, table: Table, column: str, values: Sequence[tuple[Any, Any]]
) -> int:
    """Write the values (primary key, JSON) in one transaction; return their number."""
    if not values:
        return 0
    keys = list(table.primary_key.columns)
    async with database.write() as connection:
        for key, value in values:
            row = and_(*(key_column == part for key_column, part in zip(keys, key, strict=True)))
            await connection.execute(update(table).where(row).values({column: value}))
    return len(values)


def _contains(database: Database, column: ColumnElement[Any], customer: str) -> ColumnElement[bool]:
    """Whether the bytes contain the id in any of its spellings: plain, in JSON, in a form."""
    forms = {customer, *escaped(customer), quote(customer, safe=""), quote_plus(customer)}
    return or_(*(database.holds(column, form.encode()) for form in sorted(forms)))


def _count(counts: Elsewhere, row: RowMapping, linked: set[str]) -> None:
    if row["evidence"] != Evidence.KEPT or row["id"] in linked:
        return
    if row["state"] != DeliveryState.RECORDED:
        counts.unlinked[row["state"]] += 1
    if row["mentions"]:
        counts.mentions += 1
        if len(counts.mentioned_in) < SHOWN:
            counts.mentioned_in.append(row["id"])


async def _versions(database: Database, names: Names) -> list[str]:
    """The kept mapping texts that name the id as a word, by name and version."""
    columns, wording = mapping_versions.c, names.wording
    query = select(columns.name, columns.version, columns.text).where(names.are_in(columns.text))
    async with database.read() as connection:
        rows = (await connection.execute(query.order_by(columns.name, columns.version))).all()
    return [f"{name} {version[:12]}" for name, version, text in rows if wording.text(text) != text]
