"""The table `exceptions`: brought up to date by rounds, and completed when it is read.

A person dismisses what is in it, with a note in `actions`. The rounds are those of
`jobs.audits.exceptions`. A key can only become or cease to be an exception by an outcome that is
not the first of its key, or that waits. These have an index in the order recorded, and a round goes
on where the one before it ended. The table names outcomes and holds nothing of them, so that an
erasure has nothing to do here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import case, delete, func, literal, or_, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.actions import note_action
from jobs.common.errors import FilterInvalid
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

_of_outcome = outcomes.c
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
    place = tuple_(_of_outcome.recorded_at, _of_outcome.id)
    here = tuple_(literal(after[0], UtcDateTime), literal(after[1]))
    query = (
        select(_of_outcome.recorded_at, _of_outcome.id, _of_outcome.outcome_key)
        .where(_repeated, place > here)
        .order_by(_of_outcome.recorded_at, _of_outcome.id)
        .limit(limit)
    )
    return [((at, name), key) for at, name, key in await connection.execute(query)]


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
        current = await find_exceptions(connection, keys)
        known = await recorded_rows(connection, keys)
    wanted = {
        (each.kind, each.outcome.id): each.at for several in current.values() for each in several
    }
    gone, new = sorted(known - wanted.keys()), sorted(wanted.keys() - known)
    if not gone and not new:
        return
    place = tuple_(exceptions.c.kind, exceptions.c.outcome_id)
    async with database.write() as connection:
        for chunk in chunks(gone):
            await connection.execute(delete(exceptions).where(place.in_(chunk)))
        for chunk in chunks(new):
            rows = [
                {"kind": kind, "outcome_id": name, "at": wanted[kind, name]} for kind, name in chunk
            ]
            await connection.execute(database.insert_or_skip(exceptions), rows)


async def recorded_rows(connection: AsyncConnection, keys: Sequence[str]) -> set[tuple[str, str]]:
    """The rows of these keys: kinds and outcomes, dismissed ones included."""
    columns = exceptions.c
    rows = await connection.execute(
        select(columns.kind, columns.outcome_id)
        .join(outcomes, _of_outcome.id == columns.outcome_id)
        .where(_of_outcome.outcome_key.in_(keys))
    )
    return {(kind, name) for kind, name in rows}


async def _settled(
    connection: AsyncConnection, keys: Sequence[str]
) -> dict[str, list[SettledOutcome]]:
    """Charges and waiting reversals of these keys; of charges that are alike the first."""
    alike = (
        _of_outcome.outcome_key,
        _of_outcome.kind,
        _of_outcome.occurred_at,
        _of_outcome.amount_micros,
        _of_outcome.currency,
    )
    is_charge = _of_outcome.kind == Kind.CHARGE.value
    # Every waiting reversal counts: the first of them shows the exception.
    apart = case((is_charge, ""), else_=_of_outcome.id)
    numbered = (
        select(
            outcomes,
            func.row_number()
            .over(partition_by=(*alike, apart), order_by=_of_outcome.ordinal)
            .label("copy"),
        )
        .where(_of_outcome.outcome_key.in_(keys), or_(is_charge, _of_outcome.verdict == "waiting"))
        .subquery()
    )
    rows = await connection.execute(select(numbered).where(numbered.c.copy == 1))
    settled: dict[str, list[SettledOutcome]] = {}
    for row in rows.mappings():
        recorded = recorded_of(row, received_at=row["recorded_at"])
        outcome = SettledOutcome(recorded, row["verdict"], row["recorded_at"])
        settled.setdefault(row["outcome_key"], []).append(outcome)
    return settled


async def dismiss(
    database: Database, names: Sequence[str], *, actor: str, note: str, kinds: Sequence[str]
) -> int:
    """Dismiss the exceptions of these outcome keys; return their number.

    `names` are keys, or ids of outcomes. A later outcome of a key is an exception of its own.
    Raises FilterInvalid for a name without exceptions, and for an empty note; nothing is
    dismissed then.
    """
    if not note.strip():
        raise FilterInvalid("note is empty; say why this is no exception")
    keys = [await _key_of(database, name) for name in names]
    await refresh(database, sorted(set(keys)))
    columns = exceptions.c
    open_exceptions = (
        select(columns.kind, columns.outcome_id, outcomes.c.outcome_key)
        .join(outcomes, outcomes.c.id == columns.outcome_id)
        .where(
            outcomes.c.outcome_key.in_(keys),
            columns.dismissed_by.is_(None),
            columns.kind.in_(kinds),
        )
        .order_by(columns.kind, columns.outcome_id)
    )
    async with database.write() as connection:
        rows = (await connection.execute(open_exceptions.with_for_update(of=exceptions))).all()
        for name, key in zip(names, keys, strict=True):
            if key not in {row.outcome_key for row in rows}:
                raise FilterInvalid(f"no exception of {name[:200]!r} stands; see the list")
        action = await note_action(
            connection,
            kind="dismiss",
            actor=actor,
            where={"outcome_keys": sorted(set(keys))},
            count=len(rows),
            note=note,
            detail={"exceptions": [{"kind": row.kind, "outcome": row.outcome_id} for row in rows]},
        )
        for row in rows:
            await connection.execute(
                update(exceptions)
                .where(columns.kind == row.kind, columns.outcome_id == row.outcome_id)
                .values(dismissed_by=action)
            )
    return len(rows)


async def _key_of(database: Database, name: str) -> str:
    """The key, of a key or of an outcome's id."""
    columns = outcomes.c
    query = select(columns.outcome_key).where(or_(columns.id == name, columns.outcome_key == name))
    async with database.read() as connection:
        key: str | None = await connection.scalar(query.limit(1))
    if key is None:
        raise FilterInvalid(f"nothing is recorded of the outcome key {name[:200]!r}")
    return key
