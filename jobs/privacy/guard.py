"""Who was purged, as the transaction that settles has to know it.

Owns the lock between settling and a purge, and the look-up of pseudonyms. A transaction that
compares with the ledger and then writes holds purges off first of all: else a purge that
commits in between would find the raw id written behind its back, and the outcome billed twice.
Refuses to purge; see `jobs.purge`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import TypeVar

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import PurgeUnderWay
from jobs.privacy.pseudonyms import Pseudonymized, ids_in_text, ids_of, pseudonym_of, pseudonymized
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import pseudonym_keys, purged_customers
from mappings.engine.types import Mapped

#: PostgreSQL's advisory lock: settling shares it, a purge has it alone.
ADVISORY_LOCK = 7_204_118_301

Name = TypeVar("Name")


async def hold_off_purges(database: Database, connection: AsyncConnection) -> None:
    """Let no purge begin until this transaction has ended, and wait for one that is under way.

    Before any row is locked: a purge may take seconds, and a repeat of a delivery that we held
    meanwhile would not be answered. On SQLite a transaction that writes is alone anyway.
    """
    if not database.is_sqlite:
        await connection.execute(
            text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": ADVISORY_LOCK}
        )


async def hold_off_purges_or_leave(database: Database, connection: AsyncConnection) -> None:
    """Like `hold_off_purges`, for whoever has a lease that runs out: raises PurgeUnderWay.

    Settling that waited would lose its lease, and the next worker its own: each would count as an
    attempt that broke off, until the delivery failed of it.
    """
    if not database.is_sqlite and not await connection.scalar(
        text("SELECT pg_try_advisory_xact_lock_shared(:lock)"), {"lock": ADVISORY_LOCK}
    ):
        raise PurgeUnderWay("a purge is under way")


async def hold_off_settling(database: Database, connection: AsyncConnection) -> None:
    """Wait for the transactions that settle, and let none begin until this one has ended."""
    if not database.is_sqlite:
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK}
        )


async def pseudonymize(
    connection: AsyncConnection, mapped: Mapping[Name, Mapped]
) -> dict[Name, Pseudonymized]:
    """What was mapped, with pseudonyms for all who are purged as of now.

    Costs one look into an empty table as long as nobody ever was.
    """
    outcomes = chain.from_iterable(one.outcomes for one in mapped.values())
    secret = await read_secret(connection)
    purged: dict[str, str] = {}
    if secret is not None:
        failures = chain.from_iterable(one.failures for one in mapped.values())
        found = set(chain.from_iterable(map(ids_of, outcomes)))
        found |= set(chain.from_iterable(ids_in_text(one.detail) for one in failures))
        purged = await _purged_among(
            connection, {one: pseudonym_of(one, secret=secret) for one in found}
        )
    return {name: pseudonymized(one, purged) for name, one in mapped.items()}


async def read_secret(connection: AsyncConnection) -> str | None:
    """The secret that pseudonyms are made with; None before the first purge."""
    secret: str | None = await connection.scalar(select(pseudonym_keys.c.secret))
    return secret


async def _purged_among(
    connection: AsyncConnection, pseudonyms: Mapping[str, str]
) -> dict[str, str]:
    """Of these ids, each with its pseudonym, those that were purged."""
    column = purged_customers.c.pseudonym
    known: set[str] = set()
    for chunk in chunks(pseudonyms.values()):
        found = await connection.execute(select(column).where(column.in_(chunk)))
        known.update(found.scalars())
    return {one: pseudonym for one, pseudonym in pseudonyms.items() if pseudonym in known}
