"""What there is of an id outside the ledger: linked bodies, texts of ours, bodies of others.

Owns the steps after the ledger: each is a short transaction that can be made again, on condition
that the row still says what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, quote_plus

from sqlalchemy import (
    ColumnElement,
    Table,
    Text,
    and_,
    case,
    cast,
    delete,
    func,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.states import DeliveryState
from jobs.privacy.evidence import Evidence, remove_bodies
from jobs.privacy.keyset import Place, next_page, place_of
from jobs.privacy.pseudonyms import escaped
from jobs.privacy.purge_report import SHOWN, Elsewhere, Names
from jobs.storage.batching import body_sizes, by_size, chunks
from jobs.storage.database import Database
from jobs.storage.schema import (
    audits,
    deliveries,
    mapping_versions,
    notices,
    outcomes,
    replaced_texts,
    replay_items,
)

#: Deliveries looked at in one read, and texts mended in one transaction.
PAGE = 500

#: JSON that we wrote and that may name a customer, in the order mended.
_JSON_COLUMNS = ((replay_items, "differences"), (notices, "detail"), (audits, "detail"))


async def look_elsewhere(database: Database, names: Names, linked: set[str]) -> Elsewhere:
    """Count texts and bodies that have the id, a page at a time. Changes nothing."""
    found = Elsewhere()
    of_body = case(
        (deliveries.c.evidence == Evidence.KEPT, _in(database, deliveries.c.body, names.customer)),
        else_=None,
    ).label("mentions")
    place = None
    while rows := await _page(database, place, names, of_body):
        place = place_of(rows[-1])
        found.texts += len(_without_id(rows, names))
        for row in rows:
            _count(found, row, linked)
    for table, column in _JSON_COLUMNS:
        async for page in _json_rows(database, names, table, column):
            found.texts += len(page)
    found.versions = await _versions(database, names)
    return found


async def remove_linked_bodies(
    database: Database, names: Names, linked: set[str]
) -> tuple[int, int]:
    """Take the bodies of these deliveries away; how many, and how many billed others as well."""
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
    either = (names.customer, names.pseudonym)
    async with database.read() as connection:
        for chunk in chunks(ids):
            others = select(func.count(columns.delivery_id.distinct())).where(
                columns.delivery_id.in_(chunk),
                columns.customer_id.is_not(None),
                columns.customer_id.not_in(either),
            )
            total += int(await connection.scalar(others) or 0)
    return total


async def rewrite_texts(database: Database, names: Names) -> int:
    """Put the pseudonym in texts of ours that name the id; how many there were."""
    mended, place = 0, None
    while rows := await _page(database, place, names):
        place = place_of(rows[-1])
        mended += await rewrite_details(database, _without_id(rows, names))
    for table, column in _JSON_COLUMNS:
        async for page in _json_rows(database, names, table, column):
            mended += await rewrite_json(database, table, column, page)
    return mended


async def forget_replaced(database: Database, connection: AsyncConnection, names: Names) -> None:
    """Texts of mappings that an edit replaced are kept for a comparison alone."""
    naming = _in(database, replaced_texts.c.text, names.customer)
    await connection.execute(delete(replaced_texts).where(naming))


async def _page(
    database: Database, place: Place | None, names: Names, *more: ColumnElement[Any]
) -> Sequence[RowMapping]:
    """The next deliveries, with the detail of those that may name the id."""
    detail = deliveries.c.detail
    naming = case((_names_it(detail, names), detail), else_=None).label("naming")
    return await next_page(database, place, naming, *more, size=PAGE)


def _names_it(column: ColumnElement[Any], names: Names) -> ColumnElement[bool]:
    forms = sorted({names.customer, *escaped(names.customer)})
    return or_(*(cast(column, Text).contains(form, autoescape=True) for form in forms))


def _without_id(rows: Sequence[RowMapping], names: Names) -> list[tuple[str, str, str]]:
    """Of each delivery whose detail names the id: delivery, detail as it is, detail without."""
    wording = names.wording
    naming = [(row["id"], row["naming"]) for row in rows if row["naming"] is not None]
    all_of_them = [(one, detail, wording.text(detail)) for one, detail in naming]
    return [found for found in all_of_them if found[1] != found[2]]


async def rewrite_details(database: Database, mended: Sequence[tuple[str, str, str]]) -> int:
    if not mended:
        return 0
    columns = deliveries.c
    async with database.write() as connection:
        for delivery_id, before, after in sorted(mended):
            await connection.execute(
                update(deliveries)
                .where(columns.id == delivery_id, columns.detail == before)
                .values(detail=after)
            )
    return len(mended)


async def _json_rows(database: Database, names: Names, table: Table, column: str) -> Any:
    """The rows of the table that name the id: primary key and the JSON without it, in pages."""
    keys = list(table.primary_key.columns)
    said = table.c[column]
    naming = select(*keys, said).where(said.is_not(None), _names_it(said, names)).order_by(*keys)
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
        wording = names.wording
        without = [(tuple(row[:-1]), wording.value(row[-1])) for row in rows]
        yield [one for one, row in zip(without, rows, strict=True) if one[1] != row[-1]]


async def rewrite_json(
    database: Database, table: Table, column: str, mended: Sequence[tuple[Any, Any]]
) -> int:
    if not mended:
        return 0
    keys = list(table.primary_key.columns)
    async with database.write() as connection:
        for key, said in mended:
            here = and_(*(one == value for one, value in zip(keys, key, strict=True)))
            await connection.execute(update(table).where(here).values({column: said}))
    return len(mended)


def _in(database: Database, column: ColumnElement[Any], customer: str) -> ColumnElement[bool]:
    """However it is written there: plain, within JSON, in a form."""
    forms = {customer, *escaped(customer), quote(customer, safe=""), quote_plus(customer)}
    return or_(*(database.holds(column, form.encode()) for form in sorted(forms)))


def _count(found: Elsewhere, row: RowMapping, linked: set[str]) -> None:
    if row["evidence"] != Evidence.KEPT or row["id"] in linked:
        return
    if row["state"] != DeliveryState.RECORDED:
        found.unlinked[row["state"]] += 1
    if row["mentions"]:
        found.mentions += 1
        if len(found.mentioned_in) < SHOWN:
            found.mentioned_in.append(row["id"])


async def _versions(database: Database, names: Names) -> list[str]:
    """The kept texts that name the id as a word, by name and version."""
    columns, wording = mapping_versions.c, names.wording
    query = select(columns.name, columns.version, columns.text).where(
        _names_it(columns.text, names)
    )
    async with database.read() as connection:
        rows = (await connection.execute(query.order_by(columns.name, columns.version))).all()
    return [f"{name} {version[:12]}" for name, version, text in rows if wording.text(text) != text]
