"""The customer's keys in the ledger, a batch at a time: which rows are theirs, and renaming them.

Owns the order that foreign keys require: the new key's row, then the rows that refer to it, then
the old row is deleted. Refuses to merge two ledgers of one key.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Table, bindparam, case, delete, select, union, update
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.privacy.pseudonyms import key_without
from jobs.privacy.purge_report import InLedger, KeysCollide, Names
from jobs.storage.batching import chunks
from jobs.storage.database import Database
from jobs.storage.schema import billing_events, outcome_keys, outcomes

#: The tables whose rows belong to a key and a customer.
LEDGER = (outcomes, billing_events)

Row = Mapping[str, Any]


async def keys_of(connection: AsyncConnection, names: Names) -> tuple[list[str], dict[str, str]]:
    """The keys that bill the customer or contain the id, sorted; and the new text of the latter."""
    key = outcome_keys.c.outcome_key
    naming = await connection.scalars(select(key).where(names.are_in(key)))
    moves = {old: new for old in naming if (new := key_without(old, names.purged)) != old}
    either = (names.customer, names.pseudonym)
    billing = union(
        *(select(table.c.outcome_key).where(table.c.customer_id.in_(either)) for table in LEDGER)
    )
    billed = set((await connection.execute(billing)).scalars())
    return sorted(billed | moves.keys()), moves


@dataclass(frozen=True)
class KeyBatch:
    """Some keys with all their rows in the ledger."""

    names: Names
    keys: Sequence[str]
    moves: Mapping[str, str]
    rows: Mapping[str, Sequence[Row]]  # by table

    @cached_property
    def of_others(self) -> set[str]:
        """The keys that bill, or once billed, another customer."""
        return {
            row["outcome_key"]
            for rows in self.rows.values()
            for row in rows
            if row["customer_id"] not in (None, self.names.customer, self.names.pseudonym)
        }

    def theirs(self, table: Table) -> list[Row]:
        """The customer's rows; one without a customer is theirs unless its key bills another."""
        either = (self.names.customer, self.names.pseudonym)
        return [
            row
            for row in self.rows[table.name]
            if row["customer_id"] in either
            or (row["customer_id"] is None and row["outcome_key"] not in self.of_others)
        ]

    def named(self, table: Table) -> list[Row]:
        """The customer's rows that contain the id, or tags."""
        return [
            row
            for row in self.theirs(table)
            if row["customer_id"] == self.names.customer or row["meta_tags"]
        ]

    def changing(self, table: Table) -> int:
        """How many rows change, in themselves or by their key."""
        moved = {row["id"] for row in self.rows[table.name] if row["outcome_key"] in self.moves}
        return len(moved.union(row["id"] for row in self.named(table)))

    def count(self, into: InLedger) -> None:
        """Add the rows of this batch to the counts."""
        into.outcomes += self.changing(outcomes)
        into.billing_events += self.changing(billing_events)
        into.keys += sum(key in self.moves for key in self.keys)
        into.linked.update(
            row["delivery_id"]
            for table in LEDGER
            for row in self.theirs(table)
            if row["delivery_id"] is not None
        )


async def batches(
    connection: AsyncConnection, names: Names, keys: Iterable[str], moves: Mapping[str, str]
) -> AsyncIterator[KeyBatch]:
    """The keys with their rows, in batches that bound memory."""
    for chunk in chunks(keys):
        rows: dict[str, Sequence[Row]] = {}
        for table in LEDGER:
            columns = table.c
            selected = await connection.execute(
                select(
                    columns.id,
                    columns.outcome_key,
                    columns.customer_id,
                    columns.delivery_id,
                    columns.meta_tags,
                ).where(columns.outcome_key.in_(chunk))
            )
            rows[table.name] = [dict(row) for row in selected.mappings()]
        yield KeyBatch(names, chunk, moves, rows)


async def change(database: Database, connection: AsyncConnection, batch: KeyBatch) -> None:
    """Replace the id by the pseudonym and remove the tags, in the rows and keys of this batch."""
    moved = {key: batch.moves[key] for key in batch.keys if key in batch.moves}
    await _make_keys(database, connection, batch, moved)
    for table in LEDGER:
        erased = _erased(batch.names, table)
        whole = {old: new for old, new in moved.items() if old not in batch.of_others}
        await _move_keys(connection, table, whole, erased)
        await _move_keys(connection, table, {o: moved[o] for o in moved.keys() - whole}, {})
        left = [row["id"] for row in batch.named(table) if row["outcome_key"] not in whole]
        for ids in chunks(left):
            await connection.execute(update(table).where(table.c.id.in_(ids)).values(erased))
    if moved:
        await connection.execute(delete(outcome_keys).where(outcome_keys.c.outcome_key.in_(moved)))


def _erased(names: Names, table: Table) -> dict[str, Any]:
    column = table.c.customer_id
    renamed = case((column == names.customer, names.pseudonym), else_=column)
    return {"customer_id": renamed, "meta_tags": {}}


async def _make_keys(
    database: Database, connection: AsyncConnection, batch: KeyBatch, moved: Mapping[str, str]
) -> None:
    """Insert the new keys that any row will refer to."""
    used = {row["outcome_key"] for rows in batch.rows.values() for row in rows}
    old_of = {new: old for old, new in moved.items() if old in used}
    if old_of:
        await _refuse_collisions(connection, old_of)
        rows = [{"outcome_key": new} for new in old_of]
        await connection.execute(database.insert_or_skip(outcome_keys), rows)


async def _move_keys(
    connection: AsyncConnection, table: Table, moved: Mapping[str, str], erased: dict[str, Any]
) -> None:
    """Let rows of the old keys refer to the new ones, and set `erased` in the same statement."""
    if moved:
        moving = update(table).where(table.c.outcome_key == bindparam("old"))
        pairs = [{"old": old, "new": new} for old, new in sorted(moved.items())]
        await connection.execute(moving.values(outcome_key=bindparam("new"), **erased), pairs)


async def _refuse_collisions(connection: AsyncConnection, old_of: Mapping[str, str]) -> None:
    """A key under both names is a fault: nothing settles under an id once it is purged."""
    column = outcomes.c.outcome_key
    collided = await connection.scalar(select(column).where(column.in_(old_of)).limit(1))
    if collided is not None:
        raise KeysCollide(
            f"the ledger has the key {old_of[collided]} and also {collided}: a process of a version"
            " without purges has billed it since. Nothing was changed. Stop such processes, and"
            " reverse one of the two charges if both are open; a purge cannot merge the keys"
        )
