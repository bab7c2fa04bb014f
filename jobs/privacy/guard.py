"""The guard between settling and a purge: who was purged, and the lock that keeps both apart.

A transaction that compares with the ledger and then writes first holds purges off: otherwise a
purge could commit in between, the raw id would be written after it, and the outcome billed twice.
Refuses to purge; see `jobs.privacy.purge`.
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
    """Let no purge begin until this transaction ends; wait for one that is under way.

    Called before any row is locked: a purge may take seconds, and a repeat of a delivery locked
    meanwhile would not be answered. On SQLite a transaction that writes is alone anyway.
    """
    if not database.is_sqlite:
        await connection.execute(
            text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": ADVISORY_LOCK}
        )


async def hold_off_purges_or_leave(database: Database, connection: AsyncConnection) -> None:
    """Like `hold_off_purges`, but raises PurgeUnderWay instead of waiting.

    For settling, whose lease would run out: each wait would count as an interrupted attempt, until
    the delivery failed for it.
    """
    if not database.is_sqlite and not await connection.scalar(
        text("SELECT pg_try_advisory_xact_lock_shared(:lock)"), {"lock": ADVISORY_LOCK}
    ):
        raise PurgeUnderWay("a purge is under way")


async def hold_off_settling(database: Database, connection: AsyncConnection) -> None:
    """Wait for the transactions that settle, and let none begin until this one ends."""
    if not database.is_sqlite:
        await connection.execute(
            text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": ADVISORY_LOCK}
        )


async def pseudonymize(
    connection: AsyncConnection, mapped: Mapping[Name, Mapped]
) -> dict[Name, Pseudonymized]:
    """What was mapped, with pseudonyms for all customers purged by now.

    Before the first purge this costs one read of an empty table.
    """
    secret = await read_secret(connection)
    purged: dict[str, str] = {}
    if secret is not None:
        outcomes = chain.from_iterable(result.outcomes for result in mapped.values())
        failures = chain.from_iterable(result.failures for result in mapped.values())
        ids = set(chain.from_iterable(map(ids_of, outcomes)))
        ids |= set(chain.from_iterable(ids_in_text(failure.detail) for failure in failures))
        pseudonyms = {each: pseudonym_of(each, secret=secret) for each in ids}
        purged = await _purged_among(connection, pseudonyms)
    return {name: pseudonymized(result, purged) for name, result in mapped.items()}


async def read_secret(connection: AsyncConnection) -> str | None:
    """The secret that pseudonyms are derived with; None before the first purge."""
    secret: str | None = await connection.scalar(select(pseudonym_keys.c.secret))
    return secret


async def _purged_among(
    connection: AsyncConnection, pseudonyms: Mapping[str, str]
) -> dict[str, str]:
    """The purged ones of these ids, each with its pseudonym."""
    column = purged_customers.c.pseudonym
    known: set[str] = set()
    for chunk in chunks(pseudonyms.values()):
        known.update(await connection.scalars(select(column).where(column.in_(chunk))))
    return {each: pseudonym for each, pseudonym in pseudonyms.items() if pseudonym in known}
