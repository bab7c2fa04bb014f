"""The transaction that replaces an id by its pseudonym in the ledger and in the record of actions.

One transaction, however large the customer: as soon as any of it is committed, settling has to find
all of it, or an outcome would bill twice. Meanwhile nothing settles. On PostgreSQL webhooks are
still accepted; on SQLite, which has one writer, they are answered 503 and sent again.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.privacy.evidence import Evidence
from jobs.privacy.guard import hold_off_settling, read_secret
from jobs.privacy.keys import batches, change, keys_of
from jobs.privacy.pseudonyms import pseudonym_of
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
    """Count what a purge would change."""
    counts = InLedger()
    keys, moves = await keys_of(connection, names)
    async for batch in batches(connection, names, keys, moves):
        batch.count(counts)
    known = select(func.count()).where(customers.c.id == names.customer)
    counts.customers = int(await connection.scalar(known) or 0)
    counts.actions = len(await _actions_without_id(connection, names))
    counts.with_body = await _with_body(connection, counts.linked)
    return counts


async def erase_from_ledger(
    database: Database, customer: str, *, actor: str, note: str | None
) -> tuple[Names, InLedger]:
    """Replace the id by its pseudonym everywhere, or nowhere; return what was changed.

    Raises KeysCollide.
    """
    async with database.write() as connection:
        await hold_off_settling(database, connection)
        names = Names(customer, pseudonym_of(customer, secret=await _secret(database, connection)))
        changed = await _change_all(database, connection, names)
        await forget_replaced(database, connection, names)
        await connection.execute(
            database.insert_or_skip(purged_customers).values(
                pseudonym=names.pseudonym, purged_at=datetime.now(UTC)
            )
        )
        if changed.rows or changed.with_body:
            await _note(connection, names, changed, actor=actor, note=note)
    return names, changed


async def _secret(database: Database, connection: AsyncConnection) -> str:
    """The secret of all pseudonyms; made with the first purge."""
    row = {"id": 1, "secret": secrets.token_hex(32), "created_at": datetime.now(UTC)}
    await connection.execute(database.insert_or_skip(pseudonym_keys).values(row))
    secret = await read_secret(connection)
    assert secret is not None  # noqa: S101 - it was just made
    return secret


async def _change_all(database: Database, connection: AsyncConnection, names: Names) -> InLedger:
    counts = InLedger()
    keys, moves = await keys_of(connection, names)
    guard = {"id": 1, "pseudonym": names.pseudonym, "must_go": 0}
    await connection.execute(insert(purge_guard).values(guard))
    async for batch in batches(connection, names, keys, moves):
        batch.count(counts)
        await change(database, connection, batch)
    counts.customers = await _rename_customer(database, connection, names)
    counts.actions = await _rewrite_actions(connection, names)
    await connection.execute(delete(purge_guard))
    counts.with_body = await _with_body(connection, counts.linked)
    return counts


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


async def _actions_without_id(
    connection: AsyncConnection, names: Names
) -> dict[str, dict[str, Any]]:
    """The entries that name the id, by id: their texts rewritten."""
    naming = or_(*(names.are_in(column) for column in _TEXTS))
    rows = await connection.execute(select(actions.c.id, *_TEXTS).where(naming))
    wording, rewritten = names.wording, {}
    for row in rows.mappings():
        before = {column.name: row[column.name] for column in _TEXTS}
        after = {name: wording.value(value) for name, value in before.items()}
        if after != before:
            rewritten[row["id"]] = after
    return rewritten


async def _rewrite_actions(connection: AsyncConnection, names: Names) -> int:
    rewritten = await _actions_without_id(connection, names)
    for action_id, texts in rewritten.items():
        await connection.execute(update(actions).where(actions.c.id == action_id).values(texts))
    return len(rewritten)


async def _with_body(connection: AsyncConnection, linked: set[str]) -> list[str]:
    columns = deliveries.c
    with_body: list[str] = []
    for ids in chunks(sorted(linked)):
        kept = select(columns.id).where(columns.id.in_(ids), columns.evidence == Evidence.KEPT)
        with_body += await connection.scalars(kept)
    return with_body


async def _note(
    connection: AsyncConnection, names: Names, changed: InLedger, *, actor: str, note: str | None
) -> None:
    """Record the purge under the pseudonym; the id is removed from the note too."""
    await note_action(
        connection,
        kind="purge",
        actor=actor,
        where={"customer": names.pseudonym},
        count=changed.outcomes + changed.billing_events,
        note=None if note is None else names.wording.text(note),
        detail={
            "outcomes": changed.outcomes,
            "billing_events": changed.billing_events,
            "outcome_keys": changed.keys,
            "actions": changed.actions,
            "bodies": len(changed.with_body),
        },
    )
