"""The database is away, slow, held or dead: refused soon, nothing lost, and back by itself."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.common.errors import InboxUnavailable, is_transient
from jobs.intake import group_commit
from jobs.intake.group_commit import Inbox, open_for_intake
from jobs.storage.database import Database, open_database
from jobs.storage.lost_connections import GONE_SECONDS
from jobs.storage.schema import deliveries
from tests.jobs.doubles import incoming
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres
from tests.support.relay import Relay


async def test_a_locked_database_is_unavailable_within_two_seconds_and_comes_back(
    workshop: Workshop,
) -> None:
    await workshop.inbox.accept(incoming())
    async with workshop.locked():
        started = time.monotonic()
        with pytest.raises(InboxUnavailable):
            await workshop.inbox.accept(incoming(vendor_id="evt-1"))
        assert 1.2 < time.monotonic() - started < 2.0
    again = await workshop.accept_until_committed(incoming(vendor_id="evt-1"))
    assert (await workshop.delivery(again.delivery_id)).state == "received"
    assert await workshop.count(deliveries) == 2
    assert await workshop.is_balanced()


async def test_a_database_that_is_away_is_unavailable_and_comes_back(
    on_postgres: Workshop, postgres: Postgres
) -> None:
    await on_postgres.inbox.accept(incoming())
    postgres.kill()
    started = time.monotonic()
    with pytest.raises(InboxUnavailable):
        await on_postgres.inbox.accept(incoming(vendor_id="evt-1"))
    assert time.monotonic() - started < 2.0
    postgres.restart()
    await on_postgres.database.engine.dispose()
    await on_postgres.accept_until_committed(incoming(vendor_id="evt-1"))
    assert await on_postgres.states() == {"received": 2}
    assert await on_postgres.is_balanced()


async def test_a_connection_lost_on_commit_is_tried_again_and_kept_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit landed, its answer did not: the caller still hears that it is the first."""
    write = Database.write
    answers = 0

    @asynccontextmanager
    async def commit_and_lose(database: Database) -> AsyncIterator[AsyncConnection]:
        nonlocal answers
        async with write(database) as connection:
            yield connection
        answers += 1
        if answers == 1:
            raise ConnectionResetError("the answer to COMMIT was lost")

    with monkeypatch.context() as patched:
        patched.setattr(Database, "write", commit_and_lose)
        accepted = await workshop.inbox.accept(incoming())
    assert answers == 2
    assert not accepted.duplicate
    assert (await workshop.delivery(accepted.delivery_id)).duplicates == 0
    assert workshop.rung == [accepted.delivery_id]
    assert await workshop.count(deliveries) == 1
    assert await workshop.is_balanced()


@asynccontextmanager
async def holding(database: Database, delivery_id: str) -> AsyncIterator[None]:
    """Another transaction has changed the row and not committed: psql, left open."""
    async with database.write() as connection:
        await connection.execute(
            select(deliveries.c.id).where(deliveries.c.id == delivery_id).with_for_update()
        )
        yield


async def test_a_row_locked_by_another_transaction_delays_its_own_repeat_only(
    on_postgres: Workshop,
) -> None:
    held = await on_postgres.inbox.accept(incoming(vendor_id="held"))
    async with holding(on_postgres.new_database(), held.delivery_id):
        repeats = [
            asyncio.create_task(on_postgres.inbox.accept(incoming(vendor_id="held")))
            for _ in range(3)
        ]
        for _ in range(5):
            began = time.monotonic()
            await asyncio.gather(*(on_postgres.inbox.accept(incoming()) for _ in range(20)))
            assert time.monotonic() - began < group_commit.COMMIT_SECONDS
        for repeat in repeats:
            with pytest.raises(InboxUnavailable):
                await repeat
    again = await on_postgres.accept_until_committed(incoming(vendor_id="held"))
    assert (again.delivery_id, again.duplicate) == (held.delivery_id, True)
    assert await on_postgres.states() == {"received": 101}
    assert await on_postgres.is_balanced()


async def test_a_delivery_that_another_process_was_frozen_with_delays_no_other(
    on_postgres: Workshop,
) -> None:
    """It was taken in there and not committed; its sender tries here."""
    async with on_postgres.new_database().write() as frozen:
        row = incoming(vendor_id="frozen")
        await frozen.execute(
            text(
                "INSERT INTO deliveries (id, source, dedupe_key, body, body_sha256, headers,"
                " received_at, state, next_attempt_at) VALUES ('frozen', :source, :key, :body,"
                " :sha, '{}', now(), 'received', now())"
            ),
            {
                "source": row.source,
                "key": row.dedupe_key,
                "body": row.body,
                "sha": row.body_sha256,
            },
        )
        twin = asyncio.create_task(on_postgres.inbox.accept(incoming(vendor_id="frozen")))
        await asyncio.gather(*(on_postgres.inbox.accept(incoming()) for _ in range(20)))
        with pytest.raises(InboxUnavailable):
            await twin
        await frozen.rollback()
    await on_postgres.accept_until_committed(incoming(vendor_id="frozen"))
    assert await on_postgres.states() == {"received": 21}


async def test_a_transaction_whose_process_is_silent_is_ended_by_the_server(
    on_postgres: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = await on_postgres.inbox.accept(incoming(vendor_id="held"))
    monkeypatch.setattr("jobs.storage.database.SILENT_SECONDS", 1)
    database = on_postgres.new_database()
    silent = database.write()
    connection = await silent.__aenter__()
    await connection.execute(select(deliveries.c.id).with_for_update())
    await asyncio.sleep(1.5)
    again = await on_postgres.accept_until_committed(incoming(vendor_id="held"), seconds=3)
    assert (again.delivery_id, again.duplicate) == (held.delivery_id, True)
    with pytest.raises((DBAPIError, PendingRollbackError)) as caught:
        await connection.execute(select(deliveries.c.id))
    assert is_transient(caught.value)
    with contextlib.suppress(DBAPIError, PendingRollbackError):
        await silent.__aexit__(None, None, None)


async def test_a_table_locked_by_another_transaction_is_not_ready(
    on_postgres: Workshop,
) -> None:
    await on_postgres.inbox.ensure_committing()
    async with on_postgres.locked():
        with pytest.raises(DBAPIError, match="lock timeout"):
            await on_postgres.inbox.ensure_committing()
    await on_postgres.inbox.ensure_committing()


async def test_a_commit_that_does_not_end_is_no_readiness(on_sqlite: Workshop) -> None:
    async with on_sqlite.locked():
        with pytest.raises(InboxUnavailable):
            await on_sqlite.inbox.accept(incoming())
        with pytest.raises(InboxUnavailable, match="does not answer in time"):
            await on_sqlite.inbox.ensure_committing()
    await on_sqlite.accept_until_committed(incoming())
    await on_sqlite.inbox.ensure_committing()


async def test_a_failed_commit_is_believed_until_one_succeeds(
    on_sqlite: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk may have room for a heartbeat and none for a body."""
    faults = [OSError(28, "No space left on device")]
    insert = on_sqlite.inbox._intake._insert

    async def fail_at_first(*arguments: Any) -> Any:
        if faults:
            raise faults[0]
        return await insert(*arguments)

    monkeypatch.setattr(on_sqlite.inbox._intake, "_insert", fail_at_first)
    with pytest.raises(InboxUnavailable):
        await on_sqlite.inbox.accept(incoming())
    with pytest.raises(InboxUnavailable, match="the disk is full"):
        await on_sqlite.inbox.ensure_committing()
    faults.clear()
    await on_sqlite.inbox.accept(incoming())
    await on_sqlite.inbox.ensure_committing()


@pytest.fixture
async def relay(postgres: Postgres, on_postgres: Workshop) -> AsyncIterator[Relay]:
    """A way to the server over TCP that can go dead."""
    async with Relay.to(postgres.socket) as relay:
        yield relay


def over(relay: Relay, workshop: Workshop) -> str:
    name = workshop.database.engine.url.database
    return f"postgresql+asyncpg://postgres@127.0.0.1:{relay.port}/{name}?ssl=disable"


async def test_after_a_failover_no_connection_of_before_is_waited_for(
    on_postgres: Workshop, relay: Relay
) -> None:
    database = open_for_intake(over(relay, on_postgres))
    inbox = Inbox(database, on_postgres.rung.extend)
    await inbox.start()
    await asyncio.gather(*(inbox.accept(incoming()) for _ in range(3)), inbox.ensure_committing())
    relay.die()
    began = time.monotonic()
    with pytest.raises(InboxUnavailable):
        await inbox.accept(incoming())
    assert time.monotonic() - began < 2
    relay.come_back()
    on_postgres.inbox = inbox
    await on_postgres.accept_until_committed(incoming(), seconds=8)
    await inbox.ensure_committing()
    relay.die()
    began = time.monotonic()
    await inbox.close()
    await database.close()
    assert time.monotonic() - began < 4, "a silent database holds up no stop"


async def test_a_time_out_drops_all_connections_of_its_age(
    on_postgres: Workshop, relay: Relay
) -> None:
    database = open_database(over(relay, on_postgres), pool_size=5, statement_seconds=0.5)

    async def ask() -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(0.1)"))

    await asyncio.gather(*(ask() for _ in range(5)))
    relay.die()
    with pytest.raises(TimeoutError):
        await ask()
    relay.come_back()
    began = time.monotonic()
    for _ in range(5):
        await ask()
    assert time.monotonic() - began < 2, "a dead connection was tried"
    await database.close()


async def test_a_host_that_vanishes_is_noticed_by_the_kernel(
    on_postgres: Workshop, relay: Relay
) -> None:
    database = open_database(over(relay, on_postgres))
    async with database.read() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        found = raw.driver_connection._transport.get_extra_info("socket")
        assert found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            limit = found.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
            assert limit == GONE_SECONDS * 1000
    await database.close()


async def test_who_reads_much_takes_no_connection_from_intake(on_postgres: Workshop) -> None:
    async def read(database: Database) -> None:
        async with database.read() as connection:
            await connection.execute(text("SELECT pg_sleep(1.5)"))

    reading = [asyncio.create_task(read(on_postgres.database)) for _ in range(15)]
    await asyncio.sleep(0.2)
    began = time.monotonic()
    await on_postgres.inbox.accept(incoming())
    await on_postgres.inbox.ensure_committing()
    assert time.monotonic() - began < 1
    await asyncio.gather(*reading)


async def test_a_server_without_a_connection_to_spare_is_found_again(
    on_postgres: Workshop,
) -> None:
    await on_postgres.run("DROP ROLE IF EXISTS limited")
    await on_postgres.run("CREATE ROLE limited LOGIN")
    await on_postgres.run("GRANT ALL ON ALL TABLES IN SCHEMA public TO limited")
    await on_postgres.run("GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO limited")
    database = open_for_intake(on_postgres.url.replace("postgres@", "limited@"))
    on_postgres.inbox = inbox = Inbox(database, on_postgres.rung.extend)
    await inbox.start()
    await inbox.accept(incoming())
    await on_postgres.run("ALTER ROLE limited CONNECTION LIMIT 0")
    await on_postgres.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'limited'"
    )
    began = time.monotonic()
    with pytest.raises(InboxUnavailable):
        await inbox.accept(incoming(vendor_id="evt-1"))
    assert time.monotonic() - began < 2
    with pytest.raises(InboxUnavailable, match="no connection left"):
        await inbox.ensure_committing()
    await on_postgres.run("ALTER ROLE limited CONNECTION LIMIT -1")
    await on_postgres.accept_until_committed(incoming(vendor_id="evt-1"), seconds=3)
    await inbox.close()
    await database.close()
    await on_postgres.run("DROP OWNED BY limited")
    await on_postgres.run("DROP ROLE limited")
