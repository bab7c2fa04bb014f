"""Rejections are kept, bounded, and never at intake's cost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs.filters import RejectionFilter
from jobs.intake.rejections import BATCH, KEPT, Rejected, RejectionBook, Ring
from jobs.intake.secret_uses import SecretUses
from jobs.queries.sources.rejections import count_rejections, last_rejections, list_rejections
from jobs.queries.sources.traffic import read_uses
from tests.jobs.workshop import Workshop

START = datetime(2026, 5, 1, tzinfo=UTC)


def rejected(number: int = 0, source: str = "zendesk", **values: Any) -> Rejected:
    given = {
        "at": START + timedelta(seconds=number),
        "source": source,
        "cause": "wrong-signature",
        "detail": "no signature matches",
        "remote": "203.0.113.7",
        **values,
    }
    return Rejected(**given)


def test_the_ring_keeps_the_newest_and_gives_the_oldest_first() -> None:
    ring = Ring(3)
    for number in range(5):
        ring.add(rejected(number))
    assert len(ring) == 3
    assert [one.at.second for one in ring.take(2)] == [2, 3]
    assert [one.at.second for one in ring.take(2)] == [4]
    assert ring.take(2) == []


def test_a_flood_does_not_push_out_another_sources_rejection() -> None:
    ring = Ring(3)
    ring.add(rejected(0))
    for number in range(1, 100):
        ring.add(rejected(number, "unknown"))
    assert [one.source for one in ring.take(3)] == ["zendesk", "unknown", "unknown"]


async def test_what_was_rejected_can_be_read_back(workshop: Workshop) -> None:
    book = RejectionBook(workshop.database)
    names = ("content-type", "x-zendesk-webhook-signature")
    book.add(rejected(1, header_names=names, body_bytes=12, body_sha256="ab" * 32))
    await book.flush()
    [item] = (await list_rejections(workshop.database, RejectionFilter())).items
    assert (item.source, item.cause, item.at) == (
        "zendesk",
        "wrong-signature",
        START + timedelta(seconds=1),
    )
    assert (item.header_names, item.body_bytes, item.body_sha256) == (names, 12, "ab" * 32)


async def test_a_flood_is_counted_and_the_last_thousand_are_kept(workshop: Workshop) -> None:
    book = RejectionBook(workshop.database)
    book.add(rejected(0, "github", cause="stale-timestamp"))
    await book.flush()
    for number in range(KEPT + 2 * BATCH):
        book.add(rejected(number + 1))
        if (number + 1) % BATCH == 0:
            await book.flush()
    page = await list_rejections(workshop.database, RejectionFilter(), limit=1000)
    assert (len(page.items), page.next) == (KEPT, None)
    assert page.items[0].at == START + timedelta(seconds=KEPT + 2 * BATCH)
    assert page.items[-1].source == "github"  # one source's flood leaves the other's in the list
    assert await count_rejections(workshop.database) == {
        "wrong-signature": KEPT + 2 * BATCH,
        "stale-timestamp": 1,
    }
    assert (await last_rejections(workshop.database))["github"] == (START, "stale-timestamp")


async def test_one_flush_writes_no_more_than_a_batch(workshop: Workshop) -> None:
    book = RejectionBook(workshop.database)
    for number in range(5 * KEPT):
        book.add(rejected(number))
    await book.flush()
    page = await list_rejections(workshop.database, RejectionFilter(), limit=1000)
    assert len(page.items) == BATCH
    assert await count_rejections(workshop.database) == {"wrong-signature": 5 * KEPT}


@pytest.mark.parametrize(
    ("where", "seconds"),
    [
        ({"source": "github"}, [2]),
        ({"cause": "stale-timestamp"}, [1]),
        ({"since": START + timedelta(seconds=1)}, [2, 1]),
        ({"until": START + timedelta(seconds=1)}, [0]),
        ({"source": "linear"}, []),
    ],
)
async def test_filters(workshop: Workshop, where: dict[str, Any], seconds: list[int]) -> None:
    book = RejectionBook(workshop.database)
    book.add(rejected(0))
    book.add(rejected(1, cause="stale-timestamp"))
    book.add(rejected(2, "github"))
    await book.flush()
    page = await list_rejections(workshop.database, RejectionFilter(**where))
    assert [item.at.second for item in page.items] == seconds


async def test_pages_follow_each_other(workshop: Workshop) -> None:
    book = RejectionBook(workshop.database)
    for number in range(5):
        book.add(rejected(number))
    await book.flush()
    found: list[int] = []
    cursor = None
    for _ in range(3):
        page = await list_rejections(workshop.database, RejectionFilter(), limit=2, cursor=cursor)
        found += [item.at.second for item in page.items]
        cursor = page.next
    assert (found, cursor) == ([4, 3, 2, 1, 0], None)


async def test_what_cannot_be_written_is_kept_for_the_next_time(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
) -> None:
    book = RejectionBook(workshop.database)
    uses = SecretUses(workshop.database)
    book.add(rejected(1))
    uses.add("zendesk", "OLD", START)
    with monkeypatch.context() as away:
        away.setattr("jobs.intake.rejections.write_rejections", _away)
        away.setattr("jobs.intake.secret_uses.write_uses", _away)
        for _ in range(2):
            await book.flush()
            await uses.flush()
    assert [(line["event"], line["buffer"]) for line in logs] == [
        ("write_behind.failed", "rejections"),
        ("write_behind.failed", "secret_uses"),
    ]
    book.add(rejected(2))
    await book.flush()
    await uses.flush()
    page = await list_rejections(workshop.database, RejectionFilter())
    assert [item.at.second for item in page.items] == [2, 1]
    assert await count_rejections(workshop.database) == {"wrong-signature": 2}
    assert (await read_uses(workshop.database))["zendesk"]["OLD"].count == 1


async def _away(*_args: Any, **_named: Any) -> None:
    raise ConnectionError


async def test_a_row_that_no_database_takes_holds_up_none_that_come_later(
    workshop: Workshop, logs: list[Any]
) -> None:
    book = RejectionBook(workshop.database)
    book.add(rejected(1, body_bytes=2**63))
    await book.flush()
    assert [line["event"] for line in logs] == ["write_behind.failed"]
    book.add(rejected(2))
    await book.flush()
    page = await list_rejections(workshop.database, RejectionFilter())
    assert [item.at.second for item in page.items] == [2]
    assert await count_rejections(workshop.database) == {"wrong-signature": 2}


async def test_uses_of_a_secret_add_up(workshop: Workshop) -> None:
    for seconds in (1, 2):
        uses = SecretUses(workshop.database)
        uses.add("zendesk", "OLD", START)
        uses.add("zendesk", "NEW", START + timedelta(seconds=seconds))
        await uses.flush()
        await uses.flush()
    found = (await read_uses(workshop.database))["zendesk"]
    assert {name: use.count for name, use in found.items()} == {"OLD": 2, "NEW": 2}
    assert found["NEW"].last_used_at == START + timedelta(seconds=2)


async def test_those_of_a_group_are_one_row_counted_over_all_flushes(workshop: Workshop) -> None:
    """A scanner's many do not push out the others: they are as many rows as there are groups."""
    book = RejectionBook(workshop.database)
    book.add(rejected(0, "github"))
    for number in range(1, 4 * KEPT):
        book.add(rejected(number, "unknown", group=f"g{number % 3}", path=f"/{number % 3}"))
        if number == KEPT:
            await book.flush()
    await book.flush()
    items = (await list_rejections(workshop.database, RejectionFilter(), limit=1000)).items
    assert {(one.source, one.path) for one in items} == {
        ("github", None),
        *(("unknown", f"/{number}") for number in range(3)),
    }
    assert sum(one.count for one in items if one.source == "unknown") == 4 * KEPT - 1
    assert items[0].at == START + timedelta(seconds=4 * KEPT - 1)


async def test_groups_that_could_not_be_written_are_written_later(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = RejectionBook(workshop.database)
    book.add(rejected(1, "unknown", group="g"))

    async def away(*_: Any, **__: Any) -> None:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr("jobs.intake.rejections.write_rejections", away)
        await book.flush()
    book.add(rejected(2, "unknown", group="g"))
    await book.flush()
    [item] = (await list_rejections(workshop.database, RejectionFilter())).items
    assert (item.count, item.at) == (2, START + timedelta(seconds=2))
