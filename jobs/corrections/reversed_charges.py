"""Charges that were taken back, by the ids that a person names to bring them back.

Owns what may be named: the charge, the line that took it back, the delivery that it was billed by,
the outcome key, or what a person did, for all that it took back.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import ColumnElement, null, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.corrections.manual import OpenCharge
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import actions, billing_events, outcomes

_LINES = billing_events.c
_ACTIONS = actions.c

#: Said of an id that names nothing to bring back.
NAMES_NOTHING = "there is no billing event, delivery, outcome key or reversal by hand {!r}"

#: The lines that were named of each key; none where the key was named as a whole.
Named = Mapping[str, set[str]]


async def find_named(database: Database, ids: Sequence[str]) -> tuple[Named, list[str]]:
    """What these ids name, by outcome key, and those of the ids that name nothing."""
    named: dict[str, set[str]] = defaultdict(set)
    known: set[str] = set()
    async with database.read() as connection:
        for chunk in chunks(ids):
            for one, key, line in await _named_among(connection, chunk):
                known.add(one)
                named[key].update([] if line is None else [line])
    return dict(named), [one for one in ids if one not in known]


async def _named_among(
    connection: AsyncConnection, ids: Sequence[str]
) -> list[tuple[str, str, str | None]]:
    """Each of the ids with a key that it names, and the line where it names one."""
    run: ColumnElement[str] = _ACTIONS.detail["run"].as_string()
    of_delivery = (_LINES.delivery_id.in_(ids), _LINES.kind == "charge")
    said = outcomes.c
    found: list[tuple[str, str, str | None]] = []
    for query in (
        select(_LINES.id, _LINES.outcome_key, _LINES.id).where(_LINES.id.in_(ids)),
        select(_LINES.delivery_id, _LINES.outcome_key, null()).where(*of_delivery),
        select(_LINES.outcome_key, _LINES.outcome_key, null()).where(_LINES.outcome_key.in_(ids)),
        *(
            select(name, said.outcome_key, said.billing_event_id)
            .join_from(actions, outcomes, said.action_id == _ACTIONS.id)
            .where(name.in_(ids), _ACTIONS.kind == "reverse", said.billing_event_id.is_not(None))
            for name in (_ACTIONS.id, run)
        ),
    ):
        rows = await connection.execute(query.distinct())
        found += [(one, key, line) for one, key, line in rows]
    return found


async def last_charges(connection: AsyncConnection, keys: Sequence[str]) -> list[OpenCharge]:
    """The last charge of each of these keys, open or not, in the order of the keys."""
    columns = (_LINES.id, _LINES.outcome_key, _LINES.delivery_id, outcomes.c.rule)
    found = await connection.execute(
        select(*columns)
        .join(outcomes, outcomes.c.id == _LINES.outcome_id)
        .where(_LINES.outcome_key.in_(keys), _LINES.kind == "charge")
        .order_by(_LINES.outcome_key, _LINES.sequence)
    )
    last = {row["outcome_key"]: OpenCharge(**row) for row in found.mappings()}
    return list(last.values())
