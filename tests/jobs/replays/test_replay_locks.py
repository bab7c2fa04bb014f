"""A replay takes rows up beside settling: neither may wait for the other in a circle."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from jobs.filters import DeliveryFilter
from jobs.ledger import repository as keybook
from jobs.replays.replay import start_replay
from jobs.storage.database import Database
from tests.jobs.builders import at
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop


async def test_settling_bills_for_a_delivery_that_a_replay_holds(
    on_postgres: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reversal lets a copy be charged: its line refers to the copy's delivery.

    The replay holds that one, and waits for the reversal's.
    """
    fake = FakeMappings()
    settler = await on_postgres.settler(fake)
    ids = await on_postgres.post(
        body(bill("key", at=at(1), micros=10)),
        body(bill("key", at=at(3), micros=20)),
        body(undo("key", at=at(2))),
    )
    await settler.settle(ids[:2])
    await on_postgres.run("UPDATE deliveries SET state = 'ignored' WHERE id = :id", id=ids[2])
    where = DeliveryFilter(ids=tuple(ids[1:]), state="ignored")
    started = await start_replay(on_postgres.database, where, actor="test")
    await on_postgres.run(
        "INSERT INTO replay_items (replay_id, delivery_id, position) VALUES (:replay, :id, 0)",
        replay=started.id,
        id=ids[1],
    )
    await on_postgres.run("UPDATE deliveries SET state = 'received' WHERE id = :id", id=ids[2])
    original, replaying = keybook.lock_keys, asyncio.Event()

    async def lock_keys(database: Database, *more: Any) -> None:
        replaying.set()
        await asyncio.sleep(0.5)  # the replay has the copy, and waits for what we hold
        await original(database, *more)

    monkeypatch.setattr("jobs.ledger.recording.lock_keys", lock_keys)
    settling = asyncio.create_task(settler.settle([ids[2]]))
    await replaying.wait()
    runner = on_postgres.runner(settler, fake)
    async with on_postgres.new_database().write() as connection:
        rows = await runner._next(connection, started.id)
    await settling
    assert {row["id"]: row["state"] for row in rows} == dict.fromkeys(ids[1:], "recorded")
    assert await on_postgres.open_micros() == {"key": 20}
