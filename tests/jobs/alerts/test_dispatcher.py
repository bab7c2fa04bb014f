"""Problems are found in a real database, and each alert is sent once, by whichever process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from jobs.alerts import dispatcher, reconcile
from jobs.alerts.alert import Alert
from jobs.alerts.dispatcher import AlertDispatcher, NotPosted
from jobs.alerts.repository import read_unsent
from jobs.filters import DeliveryFilter
from jobs.heartbeat import Heartbeat
from jobs.replays.replay import start_replay
from jobs.storage.schema import (
    alerts,
    audits,
    deliveries,
    mapping_files,
    rejection_counts,
    replay_items,
    secret_uses,
)
from mappings.engine.loading.load import MappingSet
from tests.jobs.doubles import FakeMappings, bill, body, needing
from tests.jobs.workshop import Workshop
from tests.mappings.kit import MAPPING, good


class Place:
    """Takes alerts, or refuses them while it is away."""

    def __init__(self) -> None:
        self.taken: list[Alert] = []
        self.refused: list[Alert] = []
        self.is_away = False
        self.seconds = 0.0

    async def post(self, alert: Alert) -> None:
        await asyncio.sleep(self.seconds)
        if self.is_away:
            self.refused.append(alert)
            raise NotPosted("it was answered 500")
        self.taken.append(alert)

    @property
    def texts(self) -> list[str]:
        return [alert.summary for alert in self.taken]


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to hold for long, or be gone for long."""
    monkeypatch.setattr(reconcile, "GONE", timedelta())
    monkeypatch.setattr(reconcile, "HOLDS", {})


def dispatcher_of(
    workshop: Workshop, place: Place, mappings: MappingSet | None = None
) -> AlertDispatcher:
    known = mappings or good()
    return AlertDispatcher(workshop.new_database(), place.post, mappings=lambda: known)


async def check_and_post(workshop: Workshop, one: AlertDispatcher) -> None:
    """A round of checks although none is due, then the posting."""
    async with workshop.database.write() as connection:
        past = workshop.database.now(plus_seconds=-1)
        await connection.execute(update(audits).values(next_at=past))
    await one.check()
    await one.post_due()


async def failing(workshop: Workshop, *needs: str) -> None:
    settler = await workshop.settler(FakeMappings())
    contents = [
        body(bill(f"good-{number}-{need}"), needing(need, bill("never")))
        for number, need in enumerate(needs)
    ]
    await settler.settle(await workshop.post(*contents))


async def test_a_failure_group_is_sent_once_with_what_fixes_it(
    workshop: Workshop, place: Place
) -> None:
    one = dispatcher_of(workshop, place)
    await failing(workshop, "gold", "gold", "gold")
    await check_and_post(workshop, one)
    (posted,) = place.texts
    assert posted.startswith("3 deliveries of crm failed as unpriced in rule resolved")
    assert "holding back 3 good outcomes" in posted
    assert "`receiver replay --source crm --reason unpriced --rule resolved --group " in posted
    assert re.search(r"`receiver show [0-9a-f-]{36}`", posted)
    assert "gold" not in posted
    await failing(workshop, "gold", "gold")
    await check_and_post(workshop, one)
    await check_and_post(workshop, one)
    assert len(place.taken) == 1


async def test_a_group_that_was_fixed_and_comes_back_is_sent_again(
    workshop: Workshop, place: Place
) -> None:
    one = dispatcher_of(workshop, place)
    await failing(workshop, "gold")
    await check_and_post(workshop, one)
    fake = FakeMappings()
    fake.knows.add("gold")
    where = DeliveryFilter(reason="unpriced")
    await workshop.replay(await workshop.settler(fake), fake, where)
    for _ in range(3):
        await check_and_post(workshop, one)
    assert await workshop.count(alerts) == 0
    await failing(workshop, "gold")
    await check_and_post(workshop, one)
    assert [alert.kind for alert in place.taken] == ["failures"] * 2
    assert place.taken[0].id != place.taken[1].id


async def test_of_many_processes_one_sends_each(workshop: Workshop, place: Place) -> None:
    place.seconds = 0.05
    await failing(workshop, "gold")
    many = [dispatcher_of(workshop, place) for _ in range(5)]
    await asyncio.gather(*(one.check() for one in many))
    async with workshop.database.write() as connection:
        for cause in ("a", "b", "c"):
            row = {"key": f"audit:{cause}", "kind": "audit", "id": f"id-{cause}", "opened_at": at()}
            detail: dict[str, Any] = {
                "summary": cause,
                "commands": [],
                "labels": {},
                "resolved": "",
            }
            await connection.execute(
                insert(alerts).values(**row, detail=detail, next_attempt_at=at())
            )
    await asyncio.gather(*(one.post_due() for one in many for _ in range(2)))
    ids = [alert.id for alert in place.taken]
    assert len(ids) == len(set(ids))
    assert {"id-a", "id-b", "id-c"} < {*ids}


def at(minutes: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


async def make_due(workshop: Workshop) -> None:
    async with workshop.database.write() as connection:
        past = workshop.database.now(plus_seconds=-1)
        await connection.execute(update(alerts).values(next_attempt_at=past))


async def test_a_place_that_is_away_is_tried_again_under_the_same_id_with_growing_pauses(
    workshop: Workshop, place: Place, logs: list[Any]
) -> None:
    one = dispatcher_of(workshop, place)
    place.is_away = True
    await failing(workshop, "gold")
    await check_and_post(workshop, one)
    pauses = []
    for _ in range(4):
        ((tried, due),) = await workshop.all(select(alerts.c.attempts, alerts.c.next_attempt_at))
        pauses.append((due - await workshop.now()).total_seconds())
        assert tried == len(pauses)
        await one.post_due()  # not due yet
        await make_due(workshop)
        await one.post_due()
    assert pauses[0] < pauses[-1] <= 60
    assert (await read_unsent(workshop.database)).failing == 1
    place.is_away = False
    await make_due(workshop)
    await one.post_due()
    assert len({alert.id for alert in [*place.refused, *place.taken]}) == 1
    assert (len(place.refused), len(place.taken)) == (5, 1)
    assert (await read_unsent(workshop.database)).waiting == 0
    assert [line["event"] for line in logs if line["event"].startswith("alert.")] == [
        "alert.send_failed",
        "alert.sent",
    ]


async def test_an_alert_whose_process_died_is_sent_by_another_after_a_while(
    workshop: Workshop, place: Place
) -> None:
    await failing(workshop, "gold")
    dying = dispatcher_of(workshop, place)
    await dying.check()
    assert await dying._repository.claim() is not None
    other = dispatcher_of(workshop, place)
    await other.post_due()
    assert place.taken == []
    await make_due(workshop)
    await other.post_due()
    assert len(place.taken) == 1


async def test_a_rejected_mapping_is_sent_once_a_file(workshop: Workshop, place: Place) -> None:
    problem = "desk.yaml:3:1: The key `outcoms` is not known. Write `outcomes`."
    detail: Mapping[str, Any] = {"rejected": [problem], "stale": ["desk.yaml"], "problems": 1}
    beat = Heartbeat(workshop.database, role="web", detail=lambda: dict(detail))
    await beat.beat()
    one = dispatcher_of(workshop, place)
    await check_and_post(workshop, one)
    await check_and_post(workshop, one)
    (posted,) = place.texts
    assert posted == (
        f"A mapping was rejected: {problem} Its last good version stays in force."
        " Run `receiver check`"
    )


async def test_a_backlog_and_its_end_are_sent(workshop: Workshop, place: Place) -> None:
    await workshop.post(body(bill("key")), body(bill("key-2")))
    async with workshop.database.write() as connection:
        days_ago = workshop.database.now(plus_seconds=-5 * 86_400 - 600)
        await connection.execute(update(deliveries).values(received_at=days_ago))
    one = dispatcher_of(workshop, place)
    await check_and_post(workshop, one)
    assert place.texts[0].startswith("2 deliveries wait, the oldest for 5d")
    settler = await workshop.settler()
    await settler.settle([row[0] for row in await workshop.all(select(deliveries.c.id))])
    for _ in range(3):
        await check_and_post(workshop, one)
    assert place.texts[1:] == ["The backlog is worked off: no delivery waits for long any more."]
    assert await workshop.count(alerts) == 0


async def test_what_a_replay_has_just_taken_up_is_no_backlog(
    workshop: Workshop, place: Place
) -> None:
    await failing(workshop, "gold")
    await start_replay(workshop.database, DeliveryFilter(reason="unpriced"), actor="me")
    async with workshop.database.write() as connection:
        await connection.execute(update(replay_items).values(released=1))
        await connection.execute(update(deliveries).values(state="received", settled_at=None))
    await check_and_post(workshop, dispatcher_of(workshop, place))
    assert [alert.kind for alert in place.taken] == []


async def test_a_silence_and_its_end_are_sent(workshop: Workshop, place: Place) -> None:
    hourly = good(f"expect_every: 1h\n{MAPPING}")
    async with workshop.database.write() as connection:
        row = {"name": "desk.yaml", "text": b"", "updated_at": at(90)}
        await connection.execute(insert(mapping_files).values(**row))
    one = dispatcher_of(workshop, place, hourly)
    await check_and_post(workshop, one)
    assert place.texts[0].startswith("Source desk is silent since its mapping is known (1h 30m")
    async with workshop.database.write() as connection:
        use = {"source": "desk", "secret": "S", "count": 1, "last_used_at": at()}
        await connection.execute(insert(secret_uses).values(**use))
    for _ in range(3):
        await check_and_post(workshop, one)
    assert place.texts[1:] == ["Source desk sends again."]


async def test_rejections_that_spike_are_sent(workshop: Workshop, place: Place) -> None:
    one = dispatcher_of(workshop, place)
    await check_and_post(workshop, one)
    async with workshop.database.write() as connection:
        row = {"source": "desk", "cause": "bad-signature", "count": 64, "last_at": at()}
        await connection.execute(insert(rejection_counts).values(**row))
    await check_and_post(workshop, one)
    await check_and_post(workshop, one)
    (posted,) = place.texts
    assert posted.startswith("64 requests of desk were refused as bad-signature within 5m")
    assert "`receiver rejections --source desk --cause bad-signature`" in posted


async def test_repositorys_that_do_not_agree_are_sent_without_what_they_hold(
    workshop: Workshop, place: Place
) -> None:
    async with workshop.database.write() as connection:
        await connection.execute(
            insert(audits).values(
                name="books",
                found=2,
                detail={"summaries": ["key planted-key: …"]},
                progress={},
                checked_at=at(),
                next_at=at(-60),
            )
        )
    one = dispatcher_of(workshop, place)
    await check_and_post(workshop, one)
    (posted,) = place.texts
    assert posted.startswith("The audit `books` found 2 wrong. The ledger was changed by hand")
    assert posted.endswith("Run `receiver doctor`")
    assert "planted-key" not in posted


async def test_a_round_without_news_reads_no_failures(
    workshop: Workshop, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = dispatcher_of(workshop, place)
    await failing(workshop, "gold")
    await check_and_post(workshop, one)

    async def never(*_: Any) -> tuple[()]:
        raise AssertionError

    monkeypatch.setattr("jobs.alerts.watcher.read_failures", never)
    await check_and_post(workshop, one)
    async with workshop.database.write() as connection:
        await connection.execute(delete(alerts))


async def test_one_that_was_taken_is_not_posted_again_where_noting_it_fails_at_first(
    workshop: Workshop, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatcher, "STORE_PAUSE_SECONDS", 0.0)
    one = dispatcher_of(workshop, place)
    noted, tries = one._repository.sent, []

    async def away_at_first(alert: Alert) -> None:
        tries.append(alert.id)
        if len(tries) == 1:
            raise ConnectionResetError("the database is away")
        await noted(alert)

    monkeypatch.setattr(one._repository, "sent", away_at_first)
    await failing(workshop, "gold")
    await check_and_post(workshop, one)
    past = {"next_attempt_at": datetime.now(UTC) - timedelta(hours=1)}
    async with workshop.database.write() as connection:
        await connection.execute(update(alerts).values(past))
    await one.post_due()
    assert len(place.taken) == 1
    assert tries == [place.taken[0].id] * 2
