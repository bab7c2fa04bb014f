"""The table `exceptions`: brought up to date by rounds, and completed when it is read.

The rounds are those of `jobs.audits.exceptions`. A key can only become or cease to be an exception
by an outcome that is not the first of its key, or that waits. These have an index in the order
recorded, and a round goes on where the one before it ended. The table names outcomes and holds
nothing of them, so that an erasure has nothing to do here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, literal, or_, select, text, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.exceptions.detection import KeyException, SettledOutcome, exceptions_of
from jobs.ledger.records import recorded_of
from jobs.ledger.repository import load_books
from jobs.storage.batching import chunks
from jobs.storage.columns import UtcDateTime
from jobs.storage.database import Database
from jobs.storage.schema import REPEATED, audits, exceptions, outcomes
from mappings.engine.types import Kind

#: The name under which the rounds are claimed, beside those of the audits.
ROUND = "exceptions"
#: A transaction commits so long after the time that it records, at most.
OVERLAP = timedelta(minutes=2)
_DAWN = datetime(1970, 1, 1, tzinfo=UTC)

_said = outcomes.c
#: As the index of these outcomes has it: a database compares the texts.
_repeated = text(f"({REPEATED})")

#: A place in the order recorded.
Position = tuple[datetime, str]


def begin_of(progress: Mapping[str, Any]) -> Position:
    """Where to go on: a little before what the last round reached."""
    reached = progress.get("reached")
    return (datetime.fromisoformat(reached) - OVERLAP if reached else _DAWN, "")


async def read_progress(connection: AsyncConnection) -> dict[str, Any]:
    """What the last round kept; empty before the first."""
    query = select(audits.c.progress).where(audits.c.name == ROUND)
    return dict(await connection.scalar(query) or {})


async def next_repeated(
    connection: AsyncConnection, after: Position, *, limit: int
) -> list[tuple[Position, str]]:
    """The next outcomes that may make or end an exception: where each stands, and its key."""
    place = tuple_(_said.recorded_at, _said.id)
    here = tuple_(literal(after[0], UtcDateTime), literal(after[1]))
    query = (
        select(_said.recorded_at, _said.id, _said.outcome_key)
        .where(_repeated, place > here)
        .order_by(_said.recorded_at, _said.id)
        .limit(limit)
    )
    return [((at, one), key) for at, one, key in await connection.execute(query)]


async def find_exceptions(
    connection: AsyncConnection, keys: Sequence[str]
) -> dict[str, list[KeyException]]:
    """The exceptions of each of these keys as of now; a key without any has an empty list."""
    books = await load_books(connection, keys)
    settled = await _settled(connection, keys)
    return {key: exceptions_of(book, settled.get(key, [])) for key, book in books.items()}


async def refresh(database: Database, keys: Sequence[str]) -> None:
    """Bring the rows of these keys up to date; unchanged rows are not written."""
    if not keys:
        return
    async with database.read() as connection:
        found = await find_exceptions(connection, keys)
        known = await recorded_rows(connection, keys)
    wanted = {(one.kind, one.outcome.id): one.at for several in found.values() for one in several}
    gone, new = sorted(known - wanted.keys()), sorted(wanted.keys() - known)
    if not gone and not new:
        return
    place = tuple_(exceptions.c.kind, exceptions.c.outcome_id)
    async with database.write() as connection:
        for chunk in chunks(gone):
            await connection.execute(delete(exceptions).where(place.in_(chunk)))
        for chunk in chunks(new):
            rows = [
                {"kind": kind, "outcome_id": one, "at": wanted[kind, one]} for kind, one in chunk
            ]
            await connection.execute(database.insert_or_skip(exceptions), rows)


async def recorded_rows(connection: AsyncConnection, keys: Sequence[str]) -> set[tuple[str, str]]:
    """The rows of these keys: kinds and outcomes, dismissed ones included."""
    columns = exceptions.c
    found = await connection.execute(
        select(columns.kind, columns.outcome_id)
        .join(outcomes, _said.id == columns.outcome_id)
        .where(_said.outcome_key.in_(keys))
    )
    return {(kind, one) for kind, one in found}


async def _settled(
    connection: AsyncConnection, keys: Sequence[str]
) -> dict[str, list[SettledOutcome]]:
    """Charges and waiting reversals of these keys; of charges that are alike the first."""
    alike = (_said.outcome_key, _said.kind, _said.occurred_at, _said.amount_micros, _said.currency)
    is_charge = _said.kind == Kind.CHARGE.value
    # Every waiting reversal counts: the first of them shows the exception.
    apart = case((is_charge, ""), else_=_said.id)
    numbered = (
        select(
            outcomes,
            func.row_number()
            .over(partition_by=(*alike, apart), order_by=_said.ordinal)
            .label("copy"),
        )
        .where(_said.outcome_key.in_(keys), or_(is_charge, _said.verdict == "waiting"))
        .subquery()
    )
    rows = await connection.execute(select(numbered).where(numbered.c.copy == 1))
    settled: dict[str, list[SettledOutcome]] = {}
    for row in rows.mappings():
        one = SettledOutcome(
            recorded_of(row, received_at=row["recorded_at"]), row["verdict"], row["recorded_at"]
        )
        settled.setdefault(row["outcome_key"], []).append(one)
    return settled
