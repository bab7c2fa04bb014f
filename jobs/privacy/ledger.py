"""The transaction that puts a pseudonym in the ledger, with what stands around it.

One transaction, however large the customer: as soon as any of it is committed, settling has to find
all of it, or an outcome would bill twice. Meanwhile nothing settles; on PostgreSQL webhooks are
taken in all the same, on SQLite, whose one writer this is, vendors are told to come again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Text, cast, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.privacy.evidence import Evidence
from jobs.privacy.guard import hold_off_settling, read_secret
from jobs.privacy.keys import change, keys_of, portions
from jobs.privacy.pseudonyms import escaped, pseudonym_of
from jobs.privacy.purge_report import InLedger, Names
from jobs.privacy.references import forget_replaced
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import (
    actions,
    customers,
    deliveries,
    pseudonym_keys,
    purge_guard,
    purged_customers,
)

_TEXTS = (actions.c.filter, actions.c.note, actions.c.detail)


async def find_in_ledger(connection: AsyncConnection, names: Names) -> InLedger:
    """What a purge would change, counted."""
    found = InLedger()
    keys, moves = await keys_of(connection, names)
    async for portion in portions(connection, names, keys, moves):
        portion.count(found)
    known = select(func.count()).where(customers.c.id == names.customer)
    found.customers = int(await connection.scalar(known) or 0)
    found.actions = len(await _naming_actions(connection, names))
    found.with_body = await _with_body(connection, found.linked)
    return found


async def erase_from_ledger(
    database: Database, customer: str, *, actor: str, note: str | None
) -> tuple[Names, InLedger]:
    """Let the pseudonym stand wherever the id stood; what was changed. All of it or nothing.

    Raises KeysCollide.
    """
    async with database.write() as connection:
        await hold_off_settling(database, connection)
        names = Names(customer, pseudonym_of(customer, secret=await _secret(database, connection)))
        found = await _change_all(database, connection, names)
        await forget_replaced(database, connection, names)
        await connection.execute(
            database.insert_or_skip(purged_customers).values(
                pseudonym=names.pseudonym, purged_at=datetime.now(UTC)
            )
        )
        if found.rows or found.with_body:
            await _note(connection, names, found, actor=actor, note=note)
    return names, found


async def _secret(database: Database, connection: AsyncConnection) -> str:
    """The one secret; made with the first purge."""
    row = {"id": 1, "secret": secrets.token_hex(32), "created_at": datetime.now(UTC)}
    await connection.execute(database.insert_or_skip(pseudonym_keys).values(row))
    found = await read_secret(connection)
    assert found is not None  # noqa: S101 - it was just made
    return found


async def _change_all(database: Database, connection: AsyncConnection, names: Names) -> InLedger:
    found = InLedger()
    keys, moves = await keys_of(connection, names)
    guard = {"id": 1, "pseudonym": names.pseudonym, "must_go": 0}
    await connection.execute(insert(purge_guard).values(guard))
    async for portion in portions(connection, names, keys, moves):
        portion.count(found)
        await change(database, connection, portion)
    found.customers = await _rename_customer(database, connection, names)
    found.actions = await _rewrite_actions(connection, names)
    await connection.execute(delete(purge_guard))
    found.with_body = await _with_body(connection, found.linked)
    return found


async def _rename_customer(database: Database, connection: AsyncConnection, names: Names) -> int:
    first = await connection.scalar(
        select(customers.c.first_billed_at).where(customers.c.id == names.customer)
    )
    if first is None:
        return 0
    renamed = {"id": names.pseudonym, "first_billed_at": first}
    await connection.execute(database.insert_or_skip(customers).values(renamed))
    await connection.execute(delete(customers).where(customers.c.id == names.customer))
    return 1


async def _naming_actions(connection: AsyncConnection, names: Names) -> dict[str, dict[str, Any]]:
    """The entries that name the id, with what they say without it."""
    forms = sorted({names.customer, *escaped(names.customer)})
    naming = or_(
        *(cast(text, Text).contains(form, autoescape=True) for text in _TEXTS for form in forms)
    )
    rows = await connection.execute(select(actions.c.id, *_TEXTS).where(naming))
    found = {}
    for row in rows.mappings():
        said = {column.name: row[column.name] for column in _TEXTS}
        without = _without(said, names)
        if without != said:
            found[row["id"]] = without
    return found


def _without(said: Mapping[str, Any], names: Names) -> dict[str, Any]:
    wording = names.wording
    return {name: wording.value(value) for name, value in said.items()}


async def _rewrite_actions(connection: AsyncConnection, names: Names) -> int:
    found = await _naming_actions(connection, names)
    for action_id, said in found.items():
        await connection.execute(update(actions).where(actions.c.id == action_id).values(said))
    return len(found)


async def _with_body(connection: AsyncConnection, linked: set[str]) -> list[str]:
    columns = deliveries.c
    found: list[str] = []
    for ids in chunks(sorted(linked)):
        kept = select(columns.id).where(columns.id.in_(ids), columns.evidence == Evidence.KEPT)
        found += (await connection.execute(kept)).scalars()
    return found


async def _note(
    connection: AsyncConnection, names: Names, found: InLedger, *, actor: str, note: str | None
) -> None:
    """The pseudonym and never the id, not even where the note has it."""
    await note_action(
        connection,
        kind="purge",
        actor=actor,
        where={"customer": names.pseudonym},
        count=found.outcomes + found.billing_events,
        note=None if note is None else names.wording.text(note),
        detail={
            "outcomes": found.outcomes,
            "billing_events": found.billing_events,
            "outcome_keys": found.keys,
            "actions": found.actions,
            "bodies": len(found.with_body),
        },
    )
