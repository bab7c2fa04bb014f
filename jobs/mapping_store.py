"""The mappings in force, as stored in the database.

Owns the texts in force, what an edit is compared with, and that all processes decide alike: an edit
is accepted in one transaction that locks the row which the first charge of a rule locks too.
Refuses the folder: a shell may have another one, and what corrects money must map as the service
does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import FromClause, Subquery, delete, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import JobsError
from jobs.storage.database import Database
from jobs.storage.schema import (
    billed_rules,
    mapping_files,
    mapping_set,
    mapping_versions,
    outcomes,
    rekeyings,
    replaced_texts,
)
from mappings.engine.loading.load import MappingSet, SchemeRules, load_accepted
from mappings.engine.rules.billed import Billed, History, Rekeying

#: The one row of `mapping_set`.
ROW = 1
#: Edits whose replaced texts are kept.
EDITS_KEPT = 20


class NoMappingsInForce(JobsError):
    """No mappings are in force: no service has run on this database yet; start `receiver up`."""

    def __init__(self) -> None:
        super().__init__(self.__doc__)


class MappingsChanged(JobsError):
    """Other mappings are in force than the named ones; make the dry run again."""

    def __init__(self, *, named: str, in_force: str) -> None:
        super().__init__(
            f"the mappings in force are {in_force}, not {named[:80]}: make the dry run again"
        )


class MappingsOutdated(JobsError, TimeoutError):
    """Other mappings are in force by now; what the old ones mapped is mapped again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What an edit is checked against: the texts in force, and what has billed.

    `stamp` changes when either does.
    """

    texts: Mapping[str, bytes]
    history: History
    version: str | None
    stamp: tuple[int, int]


#: The content of a new database.
NOTHING_STORED = Stored(texts={}, history=History(), version=None, stamp=(0, 0))


async def recall(database: Database) -> dict[str, bytes]:
    """The text in force of each mapping file, table and catalogue by its name, newest first."""
    async with database.read() as connection:
        return await _texts(connection)


async def mappings_in_force(
    database: Database, *, timezone: str, schemes: SchemeRules
) -> MappingSet:
    """The set that the running service maps with; its `digest` is the `mapping_version`.

    `timezone` is the zone kept in the database. Raises NoMappingsInForce where no service has
    recorded a set.
    """
    texts = await recall(database)
    if not texts:
        raise NoMappingsInForce
    return await asyncio.to_thread(load_accepted, texts, timezone=timezone, schemes=schemes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The set before the last edit that changed a text; `files` are those that it changed."""

    mappings: MappingSet
    edited_at: datetime
    files: tuple[str, ...]


async def mappings_before(
    database: Database, *, timezone: str, schemes: SchemeRules
) -> Before | None:
    """What was in force before the last edit; None where none is known."""
    columns = replaced_texts.c
    newest = select(func.max(columns.generation)).scalar_subquery()
    async with database.read() as connection:
        texts = await _texts(connection)
        query = select(columns.name, columns.text, columns.replaced_at)
        rows = (await connection.execute(query.where(columns.generation == newest))).all()
    if not rows:
        return None
    before = {row.name: bytes(row.text) for row in rows if row.text is not None}
    kept = {name: text for name, text in texts.items() if name not in {row.name for row in rows}}
    mappings = await asyncio.to_thread(
        load_accepted, {**before, **kept}, timezone=timezone, schemes=schemes
    )
    files = tuple(sorted(row.name for row in rows))
    return Before(mappings=mappings, edited_at=rows[0].replaced_at, files=files)


async def version_in_force(database: Database) -> str | None:
    """The `mapping_version` that processes map with; None before the first has started."""
    async with database.read() as connection:
        return await connection.scalar(select(mapping_set.c.version)) or None


async def refuse_changed(connection: AsyncConnection, named: str | None) -> None:
    """Raise MappingsChanged where others than the named mappings are in force."""
    in_force = await connection.scalar(select(mapping_set.c.version))
    if named is not None and in_force != named:
        raise MappingsChanged(named=named, in_force=in_force or "none")


async def read_stored(database: Database, *, is_thorough: bool = False) -> Stored:
    """What an edit is checked against now.

    What has billed is kept beside the outcomes; with `is_thorough` all outcomes are read instead.
    """
    async with database.read() as connection:
        stamp = await _stamp(connection)  # first: what changes after it is noticed by `accept`
        version = await connection.scalar(select(mapping_set.c.version))
        texts = await _texts(connection)
        rules = _by_outcomes() if is_thorough else billed_rules
        history = History(
            billed=tuple(await _billed(connection, rules)),
            rekeyings=await _rekeyings(connection),
            texts=texts,
        )
    return Stored(texts=texts, history=history, version=version, stamp=stamp)


async def accept(database: Database, stored: Stored, mappings: MappingSet) -> bool:
    """Put the set in force for all processes, unless what it was checked against has changed.

    False: check again. Nothing is written where the set is in force already.
    """
    gone = stored.texts.keys() - mappings.good.keys() - mappings.stale
    changed = {name: text for name, text in mappings.good.items() if stored.texts.get(name) != text}
    rekeyed = dict(mappings.rekeyings) != dict(stored.history.rekeyings)
    if not (changed or gone or rekeyed) and stored.version == mappings.digest:
        return True
    async with database.write() as connection:
        now = await database.time(connection)
        first = {"id": ROW, "version": "", "generation": 0, "accepted_at": now}
        await connection.execute(database.insert_or_skip(mapping_set).values(first))
        await connection.execute(select(mapping_set.c.id).with_for_update())
        if await _stamp(connection) != stored.stamp:
            return False
        await _keep_replaced(connection, stored, {*changed, *gone}, now)
        await _write_texts(database, connection, changed, gone, now)
        if rekeyed:
            await _write_rekeyings(database, connection, stored, mappings, now)
        row = {"version": mappings.digest, "accepted_at": now}
        row |= {"id": ROW, "generation": stored.stamp[0] + 1}
        await connection.execute(database.upsert(mapping_set, key=["id"], values=row))
    return True


async def refuse_outdated(connection: AsyncConnection, version: str) -> None:
    """Raise MappingsOutdated where another set than `version` is in force; "" is no set.

    Called in the transaction in which a rule first bills by a text: another set may have other keys
    for it, and was accepted when nothing had billed. No set is accepted until the transaction ends.
    """
    if not version:
        return
    in_force = await connection.scalar(select(mapping_set.c.version).with_for_update(read=True))
    if in_force and in_force != version:
        raise MappingsOutdated(MappingsOutdated.__doc__)


async def _texts(connection: AsyncConnection) -> dict[str, bytes]:
    columns = mapping_files.c
    rows = await connection.execute(
        select(columns.name, columns.text).order_by(columns.updated_at.desc(), columns.name)
    )
    return {name: bytes(text) for name, text in rows}


async def _stamp(connection: AsyncConnection) -> tuple[int, int]:
    generation = await connection.scalar(select(mapping_set.c.generation))
    billed = await connection.scalar(select(func.count()).select_from(billed_rules))
    return (generation or 0, billed or 0)


def _by_outcomes() -> Subquery:
    columns = outcomes.c
    rule = (columns.source, columns.rule, columns.mapping_version)
    first = func.min(columns.recorded_at).label("first_billed_at")
    charges = select(*rule, first).where(
        columns.kind == "charge", columns.mapping_version.is_not(None)
    )
    return charges.group_by(*rule).subquery()


async def _billed(connection: AsyncConnection, rules: FromClause) -> list[Billed]:
    """Each rule once for each text that it billed by, the oldest first."""
    texts = mapping_versions.c
    used = await connection.execute(
        select(texts.version, texts.name, texts.text).where(texts.kind == "mapping")
    )
    by_version = {version: (name, text) for version, name, text in used}
    columns = rules.c
    rows = await connection.execute(
        select(columns.source, columns.rule, columns.mapping_version).order_by(
            columns.first_billed_at, columns.mapping_version, columns.source, columns.rule
        )
    )
    billed = [
        Billed(source=source, rule=rule, file=by_version[version][0], text=by_version[version][1])
        for source, rule, version in rows
        if version in by_version
    ]
    return list(dict.fromkeys(billed))


async def _rekeyings(connection: AsyncConnection) -> dict[tuple[str, str], Rekeying]:
    return {
        (row.source, row.key_name): Rekeying(form=row.form, source=row.now_source)
        for row in await connection.execute(select(rekeyings))
    }


async def _keep_replaced(
    connection: AsyncConnection, stored: Stored, names: Collection[str], now: datetime
) -> None:
    """Store the texts that an edit replaces; the first texts replace none."""
    if not (names and stored.texts):
        return
    generation = stored.stamp[0] + 1
    rows = [
        {"generation": generation, "name": name, "text": stored.texts.get(name), "replaced_at": now}
        for name in sorted(names)
    ]
    await connection.execute(insert(replaced_texts), rows)
    old = replaced_texts.c.generation <= generation - EDITS_KEPT
    await connection.execute(delete(replaced_texts).where(old))


async def _write_texts(
    database: Database,
    connection: AsyncConnection,
    changed: Mapping[str, bytes],
    gone: Collection[str],
    now: datetime,
) -> None:
    for name, text in sorted(changed.items()):
        row = {"name": name, "text": text, "updated_at": now}
        await connection.execute(database.upsert(mapping_files, key=["name"], values=row))
    if gone:
        await connection.execute(delete(mapping_files).where(mapping_files.c.name.in_(gone)))


async def _write_rekeyings(
    database: Database,
    connection: AsyncConnection,
    stored: Stored,
    mappings: MappingSet,
    now: datetime,
) -> None:
    """Write what the set declares over what was stored."""
    before, after = stored.history.rekeyings, mappings.rekeyings
    columns = rekeyings.c
    for source, name in before.keys() - after.keys():
        await connection.execute(
            delete(rekeyings).where(columns.source == source, columns.key_name == name)
        )
    for (source, name), rekeying in after.items():
        if before.get((source, name)) != rekeying:
            row = {"source": source, "key_name": name, "form": rekeying.form}
            row |= {"now_source": rekeying.source}
            change = database.upsert(
                rekeyings, key=["source", "key_name"], values=row | {"accepted_at": now}
            )
            await connection.execute(change)
