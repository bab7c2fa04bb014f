"""Dismissing exceptions: by a person, with a note, in `actions`."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import or_, select, update

from jobs.actions import note_action
from jobs.common.errors import FilterInvalid
from jobs.exceptions.register import refresh
from jobs.storage.database import Database
from jobs.storage.schema import exceptions, outcomes


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
        found = (await connection.execute(open_exceptions.with_for_update(of=exceptions))).all()
        for name, key in zip(names, keys, strict=True):
            if key not in {row.outcome_key for row in found}:
                raise FilterInvalid(f"no exception of {name[:200]!r} stands; see the list")
        action = await note_action(
            connection,
            kind="dismiss",
            actor=actor,
            where={"outcome_keys": sorted(set(keys))},
            count=len(found),
            note=note,
            detail={"exceptions": [{"kind": one.kind, "outcome": one.outcome_id} for one in found]},
        )
        for one in found:
            await connection.execute(
                update(exceptions)
                .where(columns.kind == one.kind, columns.outcome_id == one.outcome_id)
                .values(dismissed_by=action)
            )
    return len(found)


async def _key_of(database: Database, name: str) -> str:
    """The key, of a key or of an outcome's id."""
    columns = outcomes.c
    query = select(columns.outcome_key).where(or_(columns.id == name, columns.outcome_key == name))
    async with database.read() as connection:
        found: str | None = await connection.scalar(query.limit(1))
    if found is None:
        raise FilterInvalid(f"nothing is recorded of the outcome key {name[:200]!r}")
    return found
