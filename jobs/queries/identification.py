"""What an id names: a delivery, a billing event, an outcome key, a replay, an action, a text.

Owns where each kind of id is looked for, always by an index, and what the start of an id may be.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import FilterInvalid
from jobs.common.parsing import can_be_stored
from jobs.filters import DeliveryFilter
from jobs.storage.database import Database
from jobs.storage.schema import (
    actions,
    billing_events,
    deliveries,
    mapping_versions,
    outcome_keys,
    outcomes,
    replays,
)

#: So many of one kind are given.
MOST = 20
#: So much of an id at least, as git has it.
LEAST_PREFIX = 4
#: Candidates that an error lists.
LISTED = 5
#: A vendor's id that is longer, or odd, is kept as its hash.
LONGEST_VENDOR_ID = 255
_UUID = "00000000-0000-0000-0000-000000000000"
_HASH_CHARS = 64


class IdKind(StrEnum):
    """What an id can name, in the words of an error."""

    DELIVERY = "delivery"
    BILLING_EVENT = "billing event"
    OUTCOME = "outcome"
    REPLAY = "replay"
    ACTION = "action"
    VERSION = "version of a mapping, table or catalogue"
    KEY = "outcome key"


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that the id names; `id` is its own whole id, whatever was asked for."""

    kind: IdKind
    id: str


#: Where ids stand that are ours, in the order they are looked for.
_OURS: Sequence[tuple[IdKind, Column[Any]]] = (
    (IdKind.DELIVERY, deliveries.c.id),
    (IdKind.BILLING_EVENT, billing_events.c.id),
    (IdKind.OUTCOME, outcomes.c.id),
    (IdKind.REPLAY, replays.c.id),
    (IdKind.ACTION, actions.c.id),
    (IdKind.VERSION, mapping_versions.c.version),
)

#: The beginnings of outcome keys: a source and a rule's name in its keys, or a scope and "".
KeyStarts = Iterable[tuple[str, str]]


async def identify(database: Database, text: str, starts: KeyStarts = ()) -> list[Named]:
    """All that `text` names: whole ids first, then ids that begin with it, where none is whole.

    A vendor's own id of a delivery counts, and the single value of an outcome key, such as the
    number of a ticket: for the rules in `starts` and for all that have billed.
    """
    text = text.strip()
    if not text or not can_be_stored(text):
        return []
    async with database.snapshot() as connection:
        named = await _whole(connection, text)
        named += await _by_vendor_id(connection, text)
        named += await _keys(connection, text, starts)
        return list(dict.fromkeys(named)) or await _beginning(connection, text, IdKind)


class AmbiguousId(FilterInvalid):
    """Several ids begin with what was written."""


async def whole_ids(
    database: Database, texts: Iterable[str], kinds: Collection[IdKind]
) -> list[str]:
    """The ids of these kinds that the texts name: each the id itself, or the start of one alone.

    What begins no id stays as it is: the look-up reports that it does not exist. Raises
    AmbiguousId with the candidates.
    """
    return [await whole_id(database, text, kinds) for text in texts]


async def whole_id(database: Database, text: str, kinds: Collection[IdKind]) -> str:
    """The same of one id."""
    if len(text) >= len(_UUID) or not _is_start(text):
        return text
    async with database.read() as connection:
        candidates = await _beginning(connection, text, kinds)
    whole = {named.id for named in candidates}
    if text in whole or not candidates:
        return text
    if len(whole) == 1:
        return whole.pop()
    listed = ", ".join(f"{named.kind} {named.id}" for named in candidates[:LISTED])
    more = " and others" if len(candidates) > LISTED else ""
    raise AmbiguousId(f"{text!r} is the start of several ids: {listed}{more}; write more of it")


async def ids_from(database: Database, start: str, *, limit: int) -> list[str]:
    """Ids of deliveries from that text on, in their order; some of them may begin otherwise."""
    ids = select(deliveries.c.id).where(deliveries.c.id >= start)
    async with database.read() as connection:
        return list(await connection.scalars(ids.order_by(deliveries.c.id).limit(limit)))


async def whole_filter(database: Database, where: DeliveryFilter) -> DeliveryFilter:
    """The filter with whole ids of deliveries."""
    if not where.ids:
        return where
    ids = await whole_ids(database, where.ids, {IdKind.DELIVERY})
    return where.model_copy(update={"ids": tuple(ids)})


async def _whole(connection: AsyncConnection, text: str) -> list[Named]:
    return [
        Named(kind, text)
        for kind, column in _OURS
        if await connection.scalar(select(column).where(column == text)) is not None
    ]


def _is_start(text: str) -> bool:
    return re.fullmatch(rf"[0-9a-f-]{{{LEAST_PREFIX},{_HASH_CHARS}}}", text) is not None


async def _beginning(
    connection: AsyncConnection, text: str, kinds: Iterable[IdKind]
) -> list[Named]:
    """Ids between the least and the greatest that begin so, which any collation sorts alike."""
    candidates: list[Named] = []
    if not _is_start(text):
        return candidates
    wanted = frozenset(kinds)
    for kind, column in ((kind, column) for kind, column in _OURS if kind in wanted):
        shape = "0" * _HASH_CHARS if kind is IdKind.VERSION else _UUID
        least = text + shape[len(text) :]
        greatest = text + shape[len(text) :].replace("0", "f")
        query = select(column).where(column.between(least, greatest)).order_by(column)
        rows = await connection.scalars(query.limit(MOST))
        candidates += [Named(kind, id_) for id_ in rows if id_.startswith(text)]
    return candidates


async def _by_vendor_id(connection: AsyncConnection, text: str) -> list[Named]:
    """By the key that makes a delivery unique within its source: see `receiver.web.dedupe`."""
    columns = deliveries.c
    sources = await _distinct(connection, columns.source)
    if len(text) > LONGEST_VENDOR_ID or not (text.isascii() and text.isprintable()):
        text = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    signed = select(columns.id).where(
        tuple_(columns.source, columns.dedupe_key).in_(
            [(source, f"id:{text}") for source in sources]
        )
    )
    ids = list(await connection.scalars(signed.order_by(columns.id)))
    for source in sources:
        start = f"id+body:{text}:"
        unsigned = (
            select(columns.id, columns.dedupe_key)
            .where(
                columns.source == source,
                columns.dedupe_key.between(start + "0" * _HASH_CHARS, start + "f" * _HASH_CHARS),
            )
            .order_by(columns.dedupe_key)
            .limit(MOST)
        )
        rows = await connection.execute(unsigned)
        ids += [id_ for id_, key in rows if key.startswith(start)]
    return [Named(IdKind.DELIVERY, id_) for id_ in ids[:MOST]]


async def _keys(connection: AsyncConnection, text: str, starts: KeyStarts) -> list[Named]:
    """The key itself, however its JSON is spaced; or the keys whose one value is the text."""
    wanted = [_compact(json.loads(text))] if _is_key(text) else []
    if not wanted:
        columns = outcomes.c
        billed = await _pairs(connection, columns.source, columns.rule)
        wanted = [_compact([*start, text]) for start in dict.fromkeys((*starts, *billed))]
    column = outcome_keys.c.outcome_key
    query = select(column).where(column.in_(wanted)).order_by(column).limit(MOST)
    return [Named(IdKind.KEY, key) for key in await connection.scalars(query)]


def _is_key(text: str) -> bool:
    try:
        parts = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return isinstance(parts, list) and all(isinstance(part, str) for part in parts)


def _compact(parts: Sequence[str]) -> str:
    return json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


async def _distinct(connection: AsyncConnection, column: Column[Any], *where: Any) -> list[str]:
    """The different values of an indexed column, each found by a step in the index."""
    values: list[str] = []
    while True:
        after = [column > values[-1]] if values else []
        least = await connection.scalar(select(func.min(column)).where(*where, *after))
        if least is None:
            return values
        values.append(least)


async def _pairs(
    connection: AsyncConnection, first: Column[Any], second: Column[Any]
) -> list[tuple[str, str]]:
    return [
        (value, other)
        for value in await _distinct(connection, first)
        for other in await _distinct(connection, second, first == value)
    ]
