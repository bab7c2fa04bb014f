from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from jobs import heartbeat
from jobs.heartbeat import Heartbeat, alive
from jobs.storage.schema import heartbeats
from tests.jobs.worker_parts import running, until
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres


def beating(workshop: Workshop, name: str, role: str = "work", **detail: Any) -> Heartbeat:
    one = Heartbeat(workshop.new_database(), role=role, detail=lambda: detail)
    one._name = name
    return one


async def test_a_process_that_beats_is_alive_with_what_it_has_to_say(workshop: Workshop) -> None:
    await beating(workshop, "one", redis=False).beat()
    await beating(workshop, "two", role="web").beat()
    assert [one.name for one in await alive(workshop.database)] == ["one", "two"]
    (worker,) = await alive(workshop.database, role="work")
    since = worker.detail.pop("since")
    assert (worker.name, worker.detail) == ("one", {"redis": False})
    assert datetime.fromisoformat(since) <= datetime.now(UTC)


async def test_a_process_that_stops_in_good_order_is_gone_at_once(workshop: Workshop) -> None:
    one = beating(workshop, "one")
    await one.beat()
    await one.stop()
    assert await alive(workshop.database) == []


async def test_a_process_not_heard_of_counts_as_gone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "ALIVE_SECONDS", 0.3)
    one = beating(workshop, "one")
    await one.beat()
    assert len(await alive(workshop.database)) == 1
    await asyncio.sleep(0.4)
    assert await alive(workshop.database) == []
    await one.beat()
    assert len(await alive(workshop.database)) == 1


async def test_processes_long_gone_leave_no_rows(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "FORGOTTEN_SECONDS", 0.1)
    await beating(workshop, "old").beat()
    await asyncio.sleep(0.2)
    await beating(workshop, "new").beat()
    assert [row.name for row in await workshop.all(select(heartbeats))] == ["new"]


async def test_it_beats_on_after_the_database_was_away(
    on_postgres: Workshop, postgres: Postgres, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    monkeypatch.setattr(heartbeat, "EVERY_SECONDS", 0.1)
    async with running(beating(on_postgres, "one").run()):
        postgres.kill()
        await until(lambda: [one for one in logs if one["event"] == "heartbeat.postponed"])
        postgres.restart()
        await on_postgres.database.engine.dispose()
        back_at = await on_postgres.now()

        async def beats_again() -> bool:
            rows = await on_postgres.all(select(heartbeats))
            return any(row.seen_at > back_at for row in rows)

        await until(beats_again)
