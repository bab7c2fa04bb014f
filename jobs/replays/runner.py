"""Running replays: deliveries are released in small steps and settled like any other.

Owns throttling (a step is settled before the next is released, so that live traffic keeps its
turn) and resuming: all progress is in `replay_items`, so any worker can go on after a kill.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime

from sqlalchemy import bindparam, select, update
from sqlalchemy.engine import RowMapping
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.states import DeliveryState
from jobs.common.tasks import every
from jobs.mapping_store import version_in_force
from jobs.privacy.guard import hold_off_purges, pseudonymize
from jobs.privacy.pseudonyms import Pseudonymized
from jobs.replays.comparison import Difference, Row, compare
from jobs.replays.items import OTHER_MAPPINGS, unreleased_result
from jobs.replays.recorded import outcomes_in_force
from jobs.settling.mapper import preview_rows
from jobs.storage.batching import with_bodies
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, replay_items, replays
from jobs.storage.unsettled import unsettled
from mappings.engine.loading.load import MappingSet
from mappings.engine.types import Mapped

#: How often workers look for replays.
EVERY_SECONDS = 1.0
#: Deliveries released at once.
STEP = 50
#: With so many released that have not settled, no more are: they would be a backlog of their own.
OUTSTANDING = 200
#: After a step the replay rests as long as this part of the time that it took, and this at most:
#: live deliveries find a worker and, on SQLite, a database that is free.
REST_SHARE = 0.5
REST_SECONDS = 0.5


class ReplayRunner:
    """Moves all running replays on.

    `look` reads the mapping files before each step, so that an edit that a person has seen is in
    force here too. While a step of a replay that names its mappings is under way, `held` keeps
    edits out.
    """

    def __init__(
        self,
        database: Database,
        settle: Callable[[Sequence[str]], Awaitable[None]],
        mappings: Callable[[], MappingSet],
        *,
        oldest_days: int | None,
        look: Callable[[], Awaitable[object]] | None = None,
        held: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._database = database
        self._settle = settle
        self._mappings = mappings
        self._oldest_days = oldest_days
        self._look = look
        self._held = held

    async def run(self) -> None:
        """Move replays on until cancelled."""
        await every("replays", EVERY_SECONDS, self.advance)

    async def advance(self) -> None:
        """Release, settle and compare until nothing is left to release; close what is done.

        A step of each in turn: one delivery as a canary does not wait for a hundred thousand.
        """
        moves = True
        while moves:
            moves = False
            for replay_id, state, version in await self._running():
                if self._look is not None:
                    await self._look()
                if version is not None and self._mappings().digest != version:
                    await self._give_way(replay_id, version)
                    continue
                with nullcontext() if version is None else self._held():
                    moved = await self._step(replay_id, state)
                if moved:
                    moves = True
                else:
                    await self._finish(replay_id)

    async def _running(self) -> list[tuple[str, str, str | None]]:
        """The replays under way: the state of what each takes, and the mappings that it names."""
        async with self._database.read() as connection:
            rows = await connection.execute(
                select(replays.c.id, replays.c.filter, replays.c.mapping_version)
                .where(replays.c.state == "running")
                .order_by(replays.c.id)
            )
            return [(replay_id, where["state"], version) for replay_id, where, version in rows]

    async def _give_way(self, replay_id: str, version: str) -> None:
        """Leave the rest alone where other mappings than it names are in force; else only wait.

        This process may be behind those that are.
        """
        if await version_in_force(self._database) == version:
            return
        items = replay_items.c
        async with self._database.write() as connection:
            await connection.execute(
                update(replay_items)
                .where(items.replay_id == replay_id, items.result.is_(None), items.released == 0)
                .values(result=OTHER_MAPPINGS)
            )
        await self._finish(replay_id)

    async def _step(self, replay_id: str, state: str) -> bool:
        """Settle and compare the next few, then rest; return whether there were any."""
        began = time.monotonic()
        if await self._outstanding(replay_id) >= OUTSTANDING:
            await asyncio.sleep(REST_SECONDS)
            return True
        async with self._database.write() as connection:
            rows = await self._next(connection, replay_id)
            released = await self._release(connection, replay_id, rows, state)
        if released:
            await self._settle(released)
        unreleased = [row for row in rows if row["id"] not in set(released)]
        await self._compare(replay_id, unreleased)
        if rows:
            await asyncio.sleep(min(REST_SECONDS, REST_SHARE * (time.monotonic() - began)))
        return bool(rows)

    async def _outstanding(self, replay_id: str) -> int:
        """How many of the first open ones are released: a slow source, or a fault, has put off."""
        items = replay_items.c
        first = (
            select(items.released)
            .where(items.replay_id == replay_id, items.result.is_(None))
            .order_by(items.position)
            .limit(OUTSTANDING)
        )
        async with self._database.read() as connection:
            return sum((await connection.execute(first)).scalars())

    async def _next(self, connection: AsyncConnection, replay_id: str) -> Sequence[RowMapping]:
        """The next deliveries of the replay that no other worker holds, their rows locked."""
        items = replay_items.c
        chosen = await connection.execute(
            select(items.delivery_id)
            .where(items.replay_id == replay_id, items.result.is_(None), items.released == 0)
            .order_by(items.position)
            .limit(STEP)
            .with_for_update(skip_locked=True)
        )
        ids = list(chosen.scalars())
        columns = deliveries.c
        rows = await connection.execute(
            select(columns.id, columns.state, columns.body.is_not(None).label("has_body"))
            .where(columns.id.in_(ids))
            .order_by(columns.id)
            .with_for_update(key_share=True)
        )
        return rows.mappings().all()

    async def _release(
        self, connection: AsyncConnection, replay_id: str, rows: Sequence[RowMapping], state: str
    ) -> list[str]:
        """Put those still in the state that was asked for back to `received`.

        Recorded ones stay, and so does what was discarded or settled otherwise meanwhile. One
        that waits already (a repeat woke it, or another replay) is settled on our behalf too.
        One whose body is gone cannot be settled and stays.
        """
        wanted = [
            row["id"]
            for row in rows
            if row["has_body"]
            and row["state"] in {state, DeliveryState.RECEIVED} - {DeliveryState.RECORDED}
        ]
        if not wanted:
            return []
        await connection.execute(
            update(deliveries)
            .where(deliveries.c.id.in_(wanted), deliveries.c.state != DeliveryState.RECEIVED)
            .values(unsettled(self._database.now()))
        )
        await connection.execute(
            update(replay_items)
            .where(replay_items.c.replay_id == replay_id, replay_items.c.delivery_id.in_(wanted))
            .values(released=1)
        )
        return wanted

    async def _compare(self, replay_id: str, rows: Sequence[RowMapping]) -> None:
        """Note what recorded deliveries would bill now, where it differs; nothing is posted."""
        if not rows:
            return
        recorded = [
            row["id"] for row in rows if row["state"] == DeliveryState.RECORDED and row["has_body"]
        ]
        mapped: dict[str, Mapped] = {}
        async for portion in with_bodies(self._database, recorded):
            mapped |= await asyncio.to_thread(
                preview_rows, self._mappings(), portion, oldest_days=self._oldest_days
            )
        async with self._database.write() as connection:
            await hold_off_purges(self._database, connection)
            billed = await outcomes_in_force(connection, recorded)
            now = await pseudonymize(connection, mapped)
            differences = await asyncio.to_thread(_differences, billed, now)
            await connection.execute(
                update(replay_items)
                .where(
                    replay_items.c.replay_id == replay_id,
                    replay_items.c.delivery_id == bindparam("of_delivery"),
                    replay_items.c.result.is_(None),
                )
                .values(
                    result=bindparam("new_result"),
                    differences=bindparam("found", type_=replay_items.c.differences.type),
                ),
                [
                    {
                        "of_delivery": row["id"],
                        "new_result": unreleased_result(row),
                        "found": differences.get(row["id"]),
                    }
                    for row in rows
                ],
            )

    async def _finish(self, replay_id: str) -> None:
        """Close the replay once each of its deliveries has its result."""
        items = replay_items.c
        open_items = (
            select(items.delivery_id)
            .where(items.replay_id == replay_id, items.result.is_(None))
            .exists()
        )
        async with self._database.write() as connection:
            await connection.execute(
                update(replays)
                .where(replays.c.id == replay_id, replays.c.state == "running", ~open_items)
                .values(state="done", finished_at=datetime.now(UTC))
            )


def _differences(
    billed: Mapping[str, Sequence[Row]], mapped: Mapping[str, Pseudonymized]
) -> dict[str, list[Difference]]:
    """The differences of each delivery that has any."""
    compared = {name: compare(name, billed.get(name, ()), now) for name, now in mapped.items()}
    return {name: differences for name, differences in compared.items() if differences}
