"""What there is to be told of is found in a real database and told once, by whichever process."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from jobs.alerts import dispatcher as telling
from jobs.alerts import reconcile as keeping
from jobs.alerts.dispatcher import NotPosted, Teller
from jobs.alerts.repository import Notice, read_unsent
from jobs.filters import DeliveryFilter
from jobs.heartbeat import Heartbeat
from jobs.replays.replay import start_replay
from jobs.storage.schema import (
    audits,
    deliveries,
    mapping_files,
    notices,
    rejection_counts,
    replay_items,
    secret_uses,
)
from mappings.engine.loading.load import MappingSet
from tests.jobs.doubles import Telling, bill, body, needing
from tests.jobs.workshop import Workshop
from tests.mappings.kit import MAPPING, good


class Place:
    """Takes notices, or refuses them while it is away."""

    def __init__(self) -> None:
        self.taken: list[Notice] = []
        self.refused: list[Notice] = []
        self.is_away = False
        self.seconds = 0.0

    async def post(self, notice: Notice) -> None:
        await asyncio.sleep(self.seconds)
        if self.is_away:
            self.refused.append(notice)
            raise NotPosted("it was answered 500")
        self.taken.append(notice)

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.taken]


@pytest.fixture
def place() -> Place:
    return Place()


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has to hold for long, or be gone for long."""
    monkeypatch.setattr(keeping, "GONE", timedelta())
    monkeypatch.setattr(keeping, "HOLDS", {})


def teller(workshop: Workshop, place: Place, mappings: MappingSet | None = None) -> Teller:
    known = mappings or good()
    return Teller(workshop.new_database(), place.post, mappings=lambda: known)


async def look_and_tell(workshop: Workshop, one: Teller) -> None:
    """A round of looking although none is due, then what is to be told."""
    async with workshop.database.write() as connection:
        past = workshop.database.now(plus_seconds=-1)
        await connection.execute(update(audits).values(next_at=past))
    await one.look()
    await one.post_due()


async def failing(workshop: Workshop, *needs: str) -> None:
    settler = await workshop.settler(Telling())
    told = [
        body(bill(f"good-{number}-{need}"), needing(need, bill("never")))
        for number, need in enumerate(needs)
    ]
    await settler.settle(await workshop.post(*told))


async def test_a_failure_group_is_told_once_with_what_mends_it(
    workshop: Workshop, place: Place
) -> None:
    one = teller(workshop, place)
    await failing(workshop, "gold", "gold", "gold")
    await look_and_tell(workshop, one)
    (said,) = place.texts
    assert said.startswith("3 deliveries of crm failed as unpriced in rule resolved")
    assert "holding back 3 good outcomes" in said
    assert "`receiver replay --source crm --reason unpriced --rule resolved --group " in said
    assert re.search(r"`receiver show [0-9a-f-]{36}`", said)
    assert "gold" not in said
    await failing(workshop, "gold", "gold")
    await look_and_tell(workshop, one)
    await look_and_tell(workshop, one)
    assert len(place.taken) == 1


async def test_a_group_that_was_mended_and_comes_back_is_told_again(
    workshop: Workshop, place: Place
) -> None:
    one = teller(workshop, place)
    await failing(workshop, "gold")
    await look_and_tell(workshop, one)
    telling = Telling()
    telling.knows.add("gold")
    where = DeliveryFilter(reason="unpriced")
    await workshop.replay(await workshop.settler(telling), telling, where)
    for _ in range(3):
        await look_and_tell(workshop, one)
    assert await workshop.count(notices) == 0
    await failing(workshop, "gold")
    await look_and_tell(workshop, one)
    assert [notice.kind for notice in place.taken] == ["failures"] * 2
    assert place.taken[0].id != place.taken[1].id


async def test_of_many_processes_one_tells_each(workshop: Workshop, place: Place) -> None:
    place.seconds = 0.05
    await failing(workshop, "gold")
    many = [teller(workshop, place) for _ in range(5)]
    await asyncio.gather(*(one.look() for one in many))
    async with workshop.database.write() as connection:
        for cause in ("a", "b", "c"):
            row = {"key": f"audit:{cause}", "kind": "audit", "id": f"id-{cause}", "opened_at": at()}
            detail: dict[str, Any] = {"says": cause, "run": [], "facts": {}, "ended": ""}
            await connection.execute(
                insert(notices).values(**row, detail=detail, next_attempt_at=at())
            )
    await asyncio.gather(*(one.post_due() for one in many for _ in range(2)))
    ids = [notice.id for notice in place.taken]
    assert len(ids) == len(set(ids))
    assert {"id-a", "id-b", "id-c"} < {*ids}


def at(minutes: float = 0) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


async def make_due(workshop: Workshop) -> None:
    async with workshop.database.write() as connection:
        past = workshop.database.now(plus_seconds=-1)
        await connection.execute(update(notices).values(next_attempt_at=past))


async def test_a_place_that_is_away_is_tried_again_under_the_same_id_with_growing_pauses(
    workshop: Workshop, place: Place, logs: list[Any]
) -> None:
    one = teller(workshop, place)
    place.is_away = True
    await failing(workshop, "gold")
    await look_and_tell(workshop, one)
    pauses = []
    for _ in range(4):
        ((tried, due),) = await workshop.all(select(notices.c.attempts, notices.c.next_attempt_at))
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
    assert len({notice.id for notice in [*place.refused, *place.taken]}) == 1
    assert (len(place.refused), len(place.taken)) == (5, 1)
    assert (await read_unsent(workshop.database)).waiting == 0
    assert [line["event"] for line in logs if line["event"].startswith("notice.")] == [
        "alert.send_failed",
        "alert.sent",
    ]


async def test_a_notice_whose_process_died_is_told_by_another_after_a_while(
    workshop: Workshop, place: Place
) -> None:
    await failing(workshop, "gold")
    dying = teller(workshop, place)
    await dying.look()
    assert await dying._book.claim() is not None
    other = teller(workshop, place)
    await other.post_due()
    assert place.taken == []
    await make_due(workshop)
    await other.post_due()
    assert len(place.taken) == 1


async def test_a_rejected_mapping_is_told_once_a_file(workshop: Workshop, place: Place) -> None:
    problem = "desk.yaml:3:1: The key `outcoms` is not known. Write `outcomes`."
    detail: Mapping[str, Any] = {"rejected": [problem], "stale": ["desk.yaml"], "problems": 1}
    beat = Heartbeat(workshop.database, role="web", detail=lambda: dict(detail))
    await beat.beat()
    one = teller(workshop, place)
    await look_and_tell(workshop, one)
    await look_and_tell(workshop, one)
    (said,) = place.texts
    assert said == (
        f"A mapping was rejected: {problem} Its last good version goes on. Run `receiver check`"
    )


async def test_a_backlog_and_its_end_are_told(workshop: Workshop, place: Place) -> None:
    await workshop.post(body(bill("key")), body(bill("key-2")))
    async with workshop.database.write() as connection:
        days_ago = workshop.database.now(plus_seconds=-5 * 86_400 - 600)
        await connection.execute(update(deliveries).values(received_at=days_ago))
    one = teller(workshop, place)
    await look_and_tell(workshop, one)
    assert place.texts[0].startswith("2 deliveries wait, the oldest for 5d")
    settler = await workshop.settler()
    await settler.settle([row[0] for row in await workshop.all(select(deliveries.c.id))])
    for _ in range(3):
        await look_and_tell(workshop, one)
    assert place.texts[1:] == ["The backlog is worked off: no delivery waits for long any more."]
    assert await workshop.count(notices) == 0


async def test_what_a_replay_has_just_taken_up_is_no_backlog(
    workshop: Workshop, place: Place
) -> None:
    await failing(workshop, "gold")
    await start_replay(workshop.database, DeliveryFilter(reason="unpriced"), actor="me")
    async with workshop.database.write() as connection:
        await connection.execute(update(replay_items).values(released=1))
        await connection.execute(update(deliveries).values(state="received", settled_at=None))
    await look_and_tell(workshop, teller(workshop, place))
    assert [notice.kind for notice in place.taken] == []


async def test_a_silence_and_its_end_are_told(workshop: Workshop, place: Place) -> None:
    hourly = good(f"expect_every: 1h\n{MAPPING}")
    async with workshop.database.write() as connection:
        row = {"name": "desk.yaml", "text": b"", "updated_at": at(90)}
        await connection.execute(insert(mapping_files).values(**row))
    one = teller(workshop, place, hourly)
    await look_and_tell(workshop, one)
    assert place.texts[0].startswith("Source desk is silent since its mapping is known (1h 30m")
    async with workshop.database.write() as connection:
        use = {"source": "desk", "secret": "S", "count": 1, "last_used_at": at()}
        await connection.execute(insert(secret_uses).values(**use))
    for _ in range(3):
        await look_and_tell(workshop, one)
    assert place.texts[1:] == ["Source desk is heard of again."]


async def test_rejections_that_jump_are_told(workshop: Workshop, place: Place) -> None:
    one = teller(workshop, place)
    await look_and_tell(workshop, one)
    async with workshop.database.write() as connection:
        row = {"source": "desk", "cause": "bad-signature", "count": 64, "last_at": at()}
        await connection.execute(insert(rejection_counts).values(**row))
    await look_and_tell(workshop, one)
    await look_and_tell(workshop, one)
    (said,) = place.texts
    assert said.startswith("64 requests of desk were refused as bad-signature within 5m")
    assert "`receiver rejections --source desk --cause bad-signature`" in said


async def test_books_that_do_not_agree_are_told_without_what_they_hold(
    workshop: Workshop, place: Place
) -> None:
    async with workshop.database.write() as connection:
        await connection.execute(
            insert(audits).values(
                name="books",
                found=2,
                detail={"says": ["key planted-key: …"]},
                progress={},
                checked_at=at(),
                next_at=at(-60),
            )
        )
    one = teller(workshop, place)
    await look_and_tell(workshop, one)
    (said,) = place.texts
    assert said == "The books do not agree: the audit `books` found 2 wrong. Run `receiver doctor`"


async def test_a_round_without_news_reads_no_failures(
    workshop: Workshop, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = teller(workshop, place)
    await failing(workshop, "gold")
    await look_and_tell(workshop, one)

    async def never(*_: Any) -> tuple[()]:
        raise AssertionError

    monkeypatch.setattr("jobs.alerts.watcher.read_failures", never)
    await look_and_tell(workshop, one)
    async with workshop.database.write() as connection:
        await connection.execute(delete(notices))


async def test_one_that_was_taken_is_not_posted_again_where_noting_it_fails_at_first(
    workshop: Workshop, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "NOTING_PAUSE_SECONDS", 0.0)
    one = teller(workshop, place)
    noted, tries = one._book.sent, []

    async def away_at_first(notice: Notice) -> None:
        tries.append(notice.id)
        if len(tries) == 1:
            raise ConnectionResetError("the database is away")
        await noted(notice)

    monkeypatch.setattr(one._book, "sent", away_at_first)
    await failing(workshop, "gold")
    await look_and_tell(workshop, one)
    past = {"next_attempt_at": datetime.now(UTC) - timedelta(hours=1)}
    async with workshop.database.write() as connection:
        await connection.execute(update(notices).values(past))
    await one.post_due()
    assert len(place.taken) == 1
    assert tries == [place.taken[0].id] * 2
