"""The charge that a reversal was probably meant for: open, of the same rule, its key looks alike.

Owns where it is looked for, which is bounded however many keys there are. Refuses to guess between
values that are merely spelt alike: 4711 and 4712 are two tickets.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.ledger.records import Recorded
from jobs.ledger.repository import IS_OPEN
from jobs.storage.schema import billing_events, outcome_keys, outcomes
from mappings.engine.common.lookalikes import skeleton

#: Keys next to this one in the order of the index, on each side; charges recorded last.
NEIGHBOURS = 50
RECENT = 500
#: How else a value may have been written, for keys far from this one in the index.
_SPELLINGS: tuple[Callable[[str], str], ...] = (
    str.lower,
    str.upper,
    str.capitalize,
    str.title,
    str.strip,
)


@dataclass(frozen=True, slots=True)
class NearCharge:
    """An open charge under another key."""

    outcome_key: str
    billing_event: str


async def near_charge(
    connection: AsyncConnection, key: str, reversal: Recorded
) -> NearCharge | None:
    """The open charge whose key looks like this one; None where there is none."""
    head, values = _parts(key)
    if not values:
        return None
    candidates = {_key([*head, *map(spell, values)]) for spell in _SPELLINGS}
    candidates.update(await _neighbours(connection, key))
    candidates.update(await _recent(connection, reversal.provenance.source, head[1]))
    wanted = _compared(key)
    alike = {other for other in candidates if other != key and _compared(other) == wanted}
    return await _first_open(connection, sorted(alike))


def _parts(key: str) -> tuple[list[str], list[str]]:
    """The head of a key, which is a source and a rule or a scope, and its values."""
    try:
        parts = [str(part) for part in json.loads(key)]
    except (ValueError, TypeError):
        parts = []  # no key of this version
    return parts[:2], parts[2:]


def _compared(key: str) -> tuple[list[str], list[str]]:
    """The head, and what the values look like; a number is the same with zeros in front."""
    head, values = _parts(key)
    return head, [skeleton(text.lstrip("0") if text.isdecimal() else text) for text in values]


def _key(parts: list[str]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


async def _neighbours(connection: AsyncConnection, key: str) -> list[str]:
    column = outcome_keys.c.outcome_key
    behind = select(column).where(column > key).order_by(column).limit(NEIGHBOURS)
    before = select(column).where(column < key).order_by(column.desc()).limit(NEIGHBOURS)
    return [*await connection.scalars(behind), *await connection.scalars(before)]


async def _recent(connection: AsyncConnection, source: str, rule: str) -> list[str]:
    columns = outcomes.c
    query = (
        select(columns.outcome_key)
        .where(columns.source == source, columns.rule == rule)
        .order_by(columns.recorded_at.desc())
        .limit(RECENT)
    )
    return list(await connection.scalars(query))


async def _first_open(connection: AsyncConnection, keys: list[str]) -> NearCharge | None:
    lines = billing_events.c
    query = (
        select(lines.outcome_key, lines.id)
        .where(lines.outcome_key.in_(keys), lines.kind == "charge", IS_OPEN)
        .order_by(lines.outcome_key)
        .limit(1)
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else NearCharge(row[0], row[1])
