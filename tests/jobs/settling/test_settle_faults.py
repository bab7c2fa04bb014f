"""What breaks while settling costs its own delivery at most, and never a charge."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from jobs.ledger.fold import ClaimedDelivery, Settlement
from jobs.ledger.recording import MappedDelivery, Recorder
from jobs.settling import attempt, claims, mapper, retry
from jobs.storage import sqlite
from jobs.storage.schema import billing_events, deliveries
from mappings.engine.types import DeliveryInput, Mapped, VersionText
from tests.jobs.doubles import FakeMappings, bill, body, undo
from tests.jobs.workshop import Workshop


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same back-off, ten times as fast."""
    monkeypatch.setattr(retry, "BACKOFF_SECONDS", 0.05)
    monkeypatch.setattr(retry, "BACKOFF_LONGEST_SECONDS", 0.2)
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.2)


def busy() -> Exception:
    """What SQLite raises when another process holds the database."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return OperationalError("BEGIN IMMEDIATE", {}, error)


class Recording:
    """Watches a settler's recorder, and makes it fail."""

    def __init__(self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[int] = []
        self.faults: list[Exception] = []
        self._settle = recorder.settle
        monkeypatch.setattr(recorder, "settle", self.settle)

    async def settle(
        self, work: Sequence[MappedDelivery], versions: Mapping[str, VersionText]
    ) -> dict[str, Settlement]:
        self.batches.append(len(work))
        if self.faults:
            raise self.faults.pop()
        return await self._settle(work, versions)


BUGS: dict[str, Callable[[], bytes]] = {
    "the mapping breaks": lambda: body(bill("broken"), bug="an index out of range"),
    "the database refuses what it gives": lambda: body(bill("broken", micros=2**70)),
}


@pytest.mark.parametrize("broken", BUGS.values(), ids=BUGS.keys())
async def test_a_bug_costs_its_own_delivery_only(
    workshop: Workshop,
    broken: Callable[[], bytes],
    logs: list[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(retry, "BACKOFF_SECONDS", 0.5)
    monkeypatch.setattr(retry, "BACKOFF_LONGEST_SECONDS", 10.0)
    bodies = [body(bill(f"key-{number}")) for number in range(20)]
    ids = await workshop.post(*bodies[:10], broken(), *bodies[10:])
    bad = ids[10]
    settler = await workshop.settler()
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 20, "received": 1}
    assert len(await workshop.open_micros()) == 20
    (broke,) = [entry for entry in logs if entry["event"] == "settle.exception"]
    assert (broke["delivery"], broke["source"], broke["attempts"]) == (bad, "crm", 1)
    assert broke["exc_info"] is not None
    for number in range(2, 6):
        await workshop.make_due(bad)
        begun = await workshop.now()
        await settler.settle([bad])
        row = await workshop.delivery(bad)
        assert row.attempts == number
        if number < 5:
            assert row.state == "received"
            pause = row.next_attempt_at - begun
            assert pause >= timedelta(seconds=2 ** (number - 1)), "a longer pause each time"
    row = await workshop.delivery(bad)
    assert (row.state, row.reason, row.attempts) == ("failed", "internal", 5)
    assert "the log has the traceback" in row.detail
    assert await workshop.is_balanced()


async def test_a_delivery_that_kills_its_process_is_given_up_unmapped(workshop: Workshop) -> None:
    """Five attempts were begun and none came to an end: a sixth would kill this worker too."""
    ids = await workshop.post(body(bill("a")), body(bill("b")))
    await workshop.run("UPDATE deliveries SET attempts = 5 WHERE id = :id", id=ids[0])
    fake = FakeMappings()
    await (await workshop.settler(fake)).settle(ids)
    killer, neighbour = [await workshop.delivery(one) for one in ids]
    assert (killer.state, killer.reason) == ("failed", "internal")
    assert neighbour.state == "recorded"
    assert fake.mapped[killer.body] == 0


async def test_a_fifth_attempt_may_still_succeed(workshop: Workshop) -> None:
    ids = await workshop.post(body(bill("a")))
    await workshop.run("UPDATE deliveries SET attempts = 4")
    await (await workshop.settler()).settle(ids)
    assert await workshop.states() == {"recorded": 1}


async def test_what_broke_off_twice_is_settled_alone(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(10)))
    for number, unfinished in enumerate([1, 2, 3]):
        await workshop.run(
            "UPDATE deliveries SET attempts = :n WHERE id = :id", n=unfinished, id=ids[number]
        )
    settler = await workshop.settler()
    watched = Recording(settler.attempts.recorder, monkeypatch)
    await settler.settle(ids)
    assert sorted(watched.batches) == [1, 1, 8]
    assert await workshop.states() == {"recorded": 10}


async def test_an_attempt_is_committed_before_mapping_starts(workshop: Workshop) -> None:
    seen: list[tuple[int, str]] = []
    loop = asyncio.get_running_loop()
    (delivery_id,) = await workshop.post(body(bill("key")))

    class Looking(FakeMappings):
        def map(self, delivery: Any) -> Any:
            look = asyncio.run_coroutine_threadsafe(workshop.delivery(delivery_id), loop)
            row = look.result(5)
            seen.append((row.attempts, row.state))
            assert row.next_attempt_at > row.received_at
            return super().map(delivery)

    await (await workshop.settler(Looking())).settle([delivery_id])
    assert seen == [(1, "received")]


async def test_a_claimed_delivery_is_left_alone_until_its_lease_ends(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "LEASE_SECONDS", 2.5)
    (delivery_id,) = await workshop.post(body(bill("key")))
    assert len(await claims.claim(workshop.database, [delivery_id])) == 1  # and then it is killed
    settler = await workshop.settler()
    await settler.settle([delivery_id])
    assert await workshop.states() == {"received": 1}
    await asyncio.sleep(2.6)
    await settler.settle([delivery_id])
    assert await workshop.states() == {"recorded": 1}


async def test_a_long_mapping_keeps_its_lease(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "LEASE_SECONDS", 0.5)
    monkeypatch.setattr(mapper, "KEEP_ALIVE_SECONDS", 0.1)
    content = body(bill("key"), takes_seconds=1.2)
    (delivery_id,) = await workshop.post(content)
    fake = FakeMappings()
    slow, other = await workshop.settler(fake), await workshop.settler(fake)
    settling = asyncio.create_task(slow.settle([delivery_id]))
    while not settling.done():
        await asyncio.sleep(0.1)
        await other.settle([delivery_id])
    assert fake.mapped[content] == 1
    assert (await workshop.delivery(delivery_id)).attempts == 1
    assert await workshop.states() == {"recorded": 1}


class UntilReleased(FakeMappings):
    """A mapping that goes on only when the event loop lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.is_mapping = threading.Event()
        self.released = threading.Event()

    def map(self, delivery: DeliveryInput) -> Mapped:
        self.is_mapping.set()
        assert self.released.wait(timeout=20), "the event loop stands still"
        return super().map(delivery)


async def test_a_slow_mapping_stops_neither_loop_nor_heartbeat(workshop: Workshop) -> None:
    ids = await workshop.post(body(bill("key")))
    mapping = UntilReleased()
    settling = asyncio.create_task((await workshop.settler(mapping)).settle(ids))
    while not mapping.is_mapping.is_set():
        await asyncio.sleep(0.01)
    mapping.released.set()
    await settling
    assert await workshop.states() == {"recorded": 1}


async def test_a_transient_fault_is_tried_again_at_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await workshop.post(body(bill("key")))
    settler = await workshop.settler()
    watched = Recording(settler.attempts.recorder, monkeypatch)
    watched.faults = [busy()] * 3
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 1}
    assert watched.batches == [1, 1, 1, 1]


async def test_transient_faults_never_fail_a_delivery_and_are_released(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(5)))
    settler = await workshop.settler()
    watched = Recording(settler.attempts.recorder, monkeypatch)
    for _ in range(retry.LAST_ATTEMPT + 1):
        watched.faults = [busy()] * attempt.TRIES
        await settler.settle(ids)
        assert watched.faults == []
        await settler.attempts.release_interrupted()
        await workshop.make_due(*ids)
    rows = [await workshop.delivery(one) for one in ids]
    assert {(row.state, row.attempts) for row in rows} == {("received", 0)}
    assert max(watched.batches) == 5, "a fault of a neighbour poisons no delivery"
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 5}


async def test_however_many_a_long_outage_ended_they_are_all_released(workshop: Workshop) -> None:
    """More than one statement takes parameters for."""
    ids = await workshop.post(body(bill("key")))
    await claims.claim(workshop.database, ids)
    settler = await workshop.settler()
    settler.attempts._interrupted.update(ids, (f"id-{number}" for number in range(40_000)))
    await settler.attempts.release_interrupted()
    assert settler.attempts._interrupted == set()
    assert (await workshop.delivery(ids[0])).attempts == 0


async def test_a_released_delivery_waits_a_little_before_it_is_due(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry, "BACKOFF_SECONDS", 20.0)
    monkeypatch.setattr(retry, "BACKOFF_LONGEST_SECONDS", 20.0)
    ids = await workshop.post(body(bill("key")))
    settler = await workshop.settler()
    watched = Recording(settler.attempts.recorder, monkeypatch)
    watched.faults = [busy()] * attempt.TRIES
    await settler.settle(ids)
    await settler.attempts.release_interrupted()
    await settler.settle(ids)
    assert await workshop.states() == {"received": 1}
    await workshop.make_due(*ids)
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 1}


async def test_a_database_held_by_others_delays_and_fails_nothing(workshop: Workshop) -> None:
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(5)))
    settler = await workshop.settler()
    async with workshop.locked():
        settling = asyncio.create_task(settler.settle(ids))
        await asyncio.sleep(0.8)
    await settling
    await settler.attempts.release_interrupted()
    await workshop.make_due(*ids)
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 5}
    assert await workshop.is_balanced()


@pytest.mark.parametrize("times", [1, 2, attempt.TRIES])
async def test_a_row_that_others_hold_is_passed_over_and_not_given_away(
    on_postgres: Workshop, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    """As while a repeat of it is counted; SQLite has no such locks."""
    ids = await on_postgres.post(body(bill("a")), body(bill("b")))
    settler = await on_postgres.settler()
    record = settler.attempts.recorder.settle
    passed_over: list[int] = []

    async def record_while_held(*arguments: Any) -> dict[str, Settlement]:
        if len(passed_over) == times:
            return await record(*arguments)
        async with on_postgres.new_database().write() as others:
            await others.execute(
                select(deliveries.c.id).where(deliveries.c.id == ids[0]).with_for_update()
            )
            settlements = await record(*arguments)
            passed_over.append(len(settlements))
            return settlements

    monkeypatch.setattr(settler.attempts.recorder, "settle", record_while_held)
    await settler.settle(ids)
    assert passed_over == [1, *[0] * (times - 1)]
    if times == attempt.TRIES:
        row = await on_postgres.delivery(ids[0])
        assert (row.state, row.attempts) == ("received", 0), "it is not blamed for its neighbours"
        await settler.settle(ids)
    assert await on_postgres.states() == {"recorded": 2}
    assert [(await on_postgres.delivery(one)).attempts for one in ids] == [1, 1]


async def test_a_connection_lost_on_commit_bills_once(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The settling was committed, its answer was lost: the second try finds nothing to do."""
    ids = await workshop.post(body(bill("a")), body(undo("b")))
    settler = await workshop.settler()
    write = settler.attempts.recorder._settle_rows
    lost: list[int] = []

    async def write_and_lose(connection: Any, *arguments: Any) -> None:
        await write(connection, *arguments)
        if not lost:
            lost.append(1)
            await connection.commit()
            raise ConnectionResetError("the answer to COMMIT was lost")

    monkeypatch.setattr(settler.attempts.recorder, "_settle_rows", write_and_lose)
    await settler.settle(ids)
    assert lost
    assert await workshop.states() == {"recorded": 2}
    assert await workshop.count(billing_events) == 1


async def test_calls_that_come_together_share_a_transaction(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await workshop.post(*(body(bill(f"key-{number}")) for number in range(100)))
    settler = await workshop.settler()
    watched = Recording(settler.attempts.recorder, monkeypatch)
    await asyncio.gather(*(settler.settle([one]) for one in ids))
    assert sum(watched.batches) == 100
    assert len(watched.batches) < 10


async def test_a_claim_ends_with_the_body_that_is_one_too_many(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "CLAIM_BYTES", 1_000)
    bodies = [body(bill(f"key-{number}"), padding="x" * 400) for number in range(10)]
    ids = await workshop.post(*bodies, body(bill("poisoned")), body(bill("last")))
    await workshop.run("UPDATE deliveries SET attempts = 2 WHERE id = :id", id=ids[10])
    held: list[int] = []
    claim = claims.claim

    async def watched(*arguments: Any, **more: Any) -> list[ClaimedDelivery]:
        claimed = await claim(*arguments, **more)
        held.append(sum(len(one.body) for one in claimed))
        return claimed

    monkeypatch.setattr(claims, "claim", watched)
    settler = await workshop.settler()
    await settler.settle(ids)
    assert await workshop.states() == {"recorded": 12}
    assert max(held) < 1_000 + len(bodies[0])
    assert len([one for one in held if one]) >= 4
