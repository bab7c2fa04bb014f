"""One database with all that writes to it, and short ways to look at what was written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Any, Self

from sqlalchemy import Select, Table, func, select, text, update

from jobs.common.errors import InboxUnavailable
from jobs.filters import DeliveryFilter
from jobs.intake.group_commit import Accepted, Inbox, Incoming, open_for_intake
from jobs.replays.items import note_results
from jobs.replays.replay import ReplayStatus, replay_status, start_replay
from jobs.replays.runner import ReplayRunner
from jobs.settling.settle import Settler
from jobs.storage.database import Database, open_database
from jobs.storage.schema import billing_events, deliveries, intake, outcomes
from tests.jobs import model
from tests.jobs.doubles import FakeMappings, in_force, in_order
from tests.jobs.model import Line


class Workshop:
    """Makes inboxes, settlers and replays on one database, each on an engine of its own."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = open_database(url)
        self.rung: list[str] = []
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self._stack.push_async_callback(self.database.close)
        self.inbox = await self.new_inbox()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def new_database(self) -> Database:
        """An engine of its own, as another process would have."""
        database = open_database(self.url)
        self._stack.push_async_callback(database.close)
        return database

    async def new_inbox(self) -> Inbox:
        database = open_for_intake(self.url)
        self._stack.push_async_callback(database.close)
        inbox = Inbox(database, self.rung.extend)
        await inbox.start()
        self._stack.push_async_callback(inbox.close)
        return inbox

    async def settler(self, fake: FakeMappings | None = None, *, loops: int = 2) -> Settler:
        """A worker's settler; without `fake` everything is known."""
        settler = Settler(
            self.new_database(),
            in_force(fake or FakeMappings()),
            note_results=note_results,
            loops=loops,
        )
        await settler.start()
        self._stack.push_async_callback(settler.close)
        return settler

    async def post(self, *bodies: bytes, source: str = "crm") -> list[str]:
        """Accept these in one group, received in this order; their ids."""
        return await self.accept(in_order(bodies, source=source))

    async def accept(self, incoming: Iterable[Incoming]) -> list[str]:
        accepted = await asyncio.gather(*(self.inbox.accept(one) for one in incoming))
        return [one.delivery_id for one in accepted]

    async def accept_until_committed(self, post: Incoming, *, seconds: float = 15) -> Accepted:
        """As a sender would: try again after each 503."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    return await self.inbox.accept(post)
                except InboxUnavailable:
                    await asyncio.sleep(0.05)

    async def replay(
        self,
        settler: Settler,
        fake: FakeMappings,
        where: DeliveryFilter,
        *,
        limit: int | None = None,
    ) -> ReplayStatus:
        """Replay to the end; how it went."""
        started = await start_replay(self.database, where, actor="test", limit=limit)
        await self.runner(settler, fake).advance()
        status = await replay_status(self.database, started.id)
        assert status is not None
        return status

    def runner(self, settler: Settler, fake: FakeMappings) -> ReplayRunner:
        async def settle(ids: Sequence[str]) -> None:
            await settler.settle(ids)  # looked up at each step: a test may replace it

        return ReplayRunner(self.new_database(), settle, in_force(fake), oldest_days=400)

    async def all(self, statement: Select[*tuple[Any, ...]]) -> list[Any]:
        """The rows that a question gives."""
        async with self.database.read() as connection:
            return list((await connection.execute(statement)).all())

    async def run(self, sql: str, **values: Any) -> None:
        """One statement by hand."""
        async with self.database.write() as connection:
            await connection.execute(text(sql), values)

    async def count(self, table: Table) -> int:
        found = await self.all(select(func.count()).select_from(table))
        return int(found[0][0])

    async def now(self) -> datetime:
        """The database's time."""
        ((now,),) = await self.all(select(self.database.now()))
        found: datetime = now
        return found

    async def delivery(self, delivery_id: str) -> Any:
        found = await self.all(select(deliveries).where(deliveries.c.id == delivery_id))
        return found[0]

    async def states(self) -> dict[str, int]:
        """How many deliveries are in each state."""
        found = await self.all(
            select(deliveries.c.state, func.count()).group_by(deliveries.c.state)
        )
        return {row.state: row[1] for row in found}

    async def is_balanced(self) -> bool:
        """Whether the count of intake equals the count of states, as of one moment."""
        accepted = select(func.coalesce(func.sum(intake.c.accepted), 0)).scalar_subquery()
        kept = select(func.count()).select_from(deliveries).scalar_subquery()
        found = await self.all(select(accepted, kept))
        return int(found[0][0]) == int(found[0][1])

    async def ledgers(self) -> dict[str, list[Line]]:
        """The ledger of each key that has one."""
        found: dict[str, list[Line]] = {}
        events = billing_events.c
        for row in await self.all(
            select(billing_events).order_by(events.outcome_key, events.sequence)
        ):
            line = Line(
                id=row.id,
                sequence=row.sequence,
                kind=row.kind,
                reverses=row.reverses,
                micros=row.amount_micros,
                currency=row.currency,
                billed_as=row.customer_id,
                at=row.occurred_at,
            )
            found.setdefault(row.outcome_key, []).append(line)
        return found

    async def open_lines(self) -> dict[str, Line]:
        """The open charge of each key that has one, once every ledger is found sound."""
        standing = {key: model.open_line(lines) for key, lines in (await self.ledgers()).items()}
        return {key: line for key, line in standing.items() if line is not None}

    async def open_micros(self) -> dict[str, int]:
        """What each key owes, by its ledger."""
        return {key: line.micros for key, line in (await self.open_lines()).items()}

    async def verdicts(self, delivery_id: str) -> list[str]:
        found = await self.all(
            select(outcomes.c.verdict)
            .where(outcomes.c.delivery_id == delivery_id)
            .order_by(outcomes.c.event_index, outcomes.c.id)
        )
        return [row.verdict for row in found]

    @asynccontextmanager
    async def locked(self) -> AsyncIterator[None]:
        """Another session holds the deliveries, and every writer has to wait."""
        async with self.new_database().write() as connection:
            if not self.database.is_sqlite:
                await connection.execute(text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"))
            yield

    async def received(self, delivery_id: str, at: datetime) -> None:
        """Let a delivery have been received then."""
        async with self.database.write() as connection:
            await connection.execute(
                update(deliveries).where(deliveries.c.id == delivery_id).values(received_at=at)
            )

    async def make_due(self, *ids: str) -> None:
        """Let the pause before the next attempt be over."""
        async with self.database.write() as connection:
            await connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(ids), deliveries.c.state == "received")
                .values(next_attempt_at=self.database.now(plus_seconds=-10))
            )
