"""A purge as requested by a person: survey, change the ledger, then remove other references."""

from __future__ import annotations

from datetime import datetime

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.privacy.guard import read_secret
from jobs.privacy.ledger import erase_from_ledger, find_in_ledger
from jobs.privacy.pseudonyms import pseudonym_of
from jobs.privacy.purge_report import Names, NeverBilled, PseudonymGiven, PurgeReport
from jobs.privacy.references import (
    count_shared,
    look_elsewhere,
    remove_linked_bodies,
    rewrite_texts,
)
from jobs.storage.database import Database
from jobs.storage.schema import purged_customers

log = structlog.get_logger(__name__)

#: Stands for the pseudonym while there is no secret to make one of.
_NONE_YET = "purged-"


async def survey(database: Database, customer: str) -> PurgeReport:
    """What a purge of this customer would change, and what it could not. Changes nothing.

    Raises NeverBilled where it would change nothing and never has, and PseudonymGiven.
    """
    async with database.snapshot() as connection:
        secret = await read_secret(connection)
        pseudonym = None if secret is None else pseudonym_of(customer, secret=secret)
        names = Names(customer, pseudonym or _NONE_YET)
        purged_at: datetime | None = await connection.scalar(
            select(purged_customers.c.purged_at).where(
                purged_customers.c.pseudonym == names.pseudonym
            )
        )
        await _refuse_pseudonym(connection, customer)
        ledger = await find_in_ledger(connection, names)
    report = PurgeReport(
        pseudonym=pseudonym,
        purged_at=purged_at,
        ledger=ledger,
        elsewhere=await look_elsewhere(database, names, ledger.linked),
        bodies=len(ledger.with_body),
        shared_bodies=await count_shared(database, names, ledger.with_body),
    )
    if not report.found and purged_at is None:
        raise NeverBilled(_never_billed(customer, report))
    return report


async def purge(
    database: Database, customer: str, before: PurgeReport, *, actor: str, note: str | None = None
) -> PurgeReport:
    """Erase the customer; `before` is its survey. Return what was done, and what is left.

    Can be repeated at any time: it resumes where it was cut off. Raises KeysCollide.
    """
    names, ledger = await erase_from_ledger(database, customer, actor=actor, note=note)
    bodies, shared = await remove_linked_bodies(database, names, ledger.linked)
    texts = await rewrite_texts(database, names)
    if not await database.forget_removed():
        log.warning("purge.old_pages_kept", journal="receiver.db-wal")
    elsewhere = before.elsewhere
    elsewhere.texts = texts
    return PurgeReport(
        pseudonym=names.pseudonym,
        purged_at=before.purged_at,
        ledger=ledger,
        elsewhere=elsewhere,
        bodies=bodies,
        shared_bodies=shared,
    )


async def _refuse_pseudonym(connection: AsyncConnection, customer: str) -> None:
    column = purged_customers.c.pseudonym
    if await connection.scalar(select(column).where(column == customer)) is not None:
        message = f"{customer} is itself a pseudonym: give the id that the customer had before"
        raise PseudonymGiven(message)


def _never_billed(customer: str, report: PurgeReport) -> str:
    never, mentions = f"no customer was ever billed as {customer!r}", report.elsewhere.mentions
    if not mentions:
        return f"{never}, and no stored data names it; check the id"
    bodies = "a kept body has" if mentions == 1 else f"{mentions} kept bodies have"
    shown = ", ".join(report.elsewhere.mentioned_in[:3])
    return (
        f"{never}; {bodies} its text somewhere, though nothing links it to a customer:"
        f" see `receiver show` of {shown}"
    )
