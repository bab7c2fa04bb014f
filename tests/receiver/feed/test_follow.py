"""Each delivery is shown once it has settled, from the database and by the API alike."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from jobs.filters import DeliveryFilter
from jobs.intake.rejections import Rejected, write_rejections
from jobs.intake.write_behind import Count
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, outcomes
from receiver.config.reading import load_settings
from receiver.feed import follow as following
from receiver.feed.feeds import ApiFeed, DatabaseFeed, Feed, FeedRefused
from receiver.feed.follow import Follower, follow
from receiver.feed.lines import Shown, json_of, line_of
from receiver.local.supervisor import show_deliveries
from receiver.terminal.output import Output
from tests.receiver.api.conftest import api, client, parts
from tests.support.rows import Rows

__all__ = ["api", "parts"]
START = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture(params=["database", "api"])
def feed(request: pytest.FixtureRequest, database: Database, api: httpx.AsyncClient) -> Feed:
    return DatabaseFeed(database) if request.param == "database" else ApiFeed(api)


async def shown(follower: Follower) -> list[str]:
    """The ids of deliveries, or the causes of rejections."""
    return [getattr(one, "cause", one.id) async for one in follower.new()]


async def settle(database: Database, delivery: str, **values: Any) -> None:
    async with database.write() as connection:
        settled = {"state": "ignored", "reason": "no-outcome", "settled_at": START, **values}
        await connection.execute(
            update(deliveries).where(deliveries.c.id == delivery).values(**settled)
        )


async def bill(rows: Rows, delivery: str, at: datetime) -> None:
    """Post a charge of the delivery's own outcome."""
    line = await rows.charge(at, delivery_id=delivery)
    async with rows.database.write() as connection:
        await connection.execute(
            update(outcomes).where(outcomes.c.delivery_id == delivery).values(billing_event_id=line)
        )


async def reject(database: Database, seconds: float, **values: Any) -> None:
    at = START + timedelta(seconds=seconds)
    given = {"source": "zendesk", "cause": "wrong-signature", "detail": "none matches", **values}
    one = Rejected(at=at, remote="::1", **given)
    key = (one.source, one.cause)
    await write_rejections(database, {key: Count(1, at)}, [one])


async def test_a_delivery_is_shown_when_it_has_settled_and_once(
    feed: Feed, rows: Rows, database: Database
) -> None:
    before = await rows.delivery("recorded")
    follower = Follower(feed, DeliveryFilter())
    await follower.start()
    assert await shown(follower) == []
    waits, charged = await rows.delivery("received"), await rows.delivery("recorded")
    assert await shown(follower) == [charged]
    assert await shown(follower) == []
    await settle(database, waits)
    assert await shown(follower) == [waits]
    assert await shown(follower) == []
    assert before not in (waits, charged)


async def test_one_that_a_replay_bills_is_shown_again(
    feed: Feed, rows: Rows, database: Database
) -> None:
    before = await rows.delivery("failed", reason="unmapped")
    old = await rows.charge()
    follower = Follower(feed, DeliveryFilter())
    await follower.start()
    failed = await rows.delivery("failed", reason="unmapped")
    assert await shown(follower) == [failed]
    later = START + timedelta(hours=1)
    for one in (before, failed):
        await bill(rows, one, later)
        await settle(database, one, state="recorded", reason=None, settled_at=later)
    assert await shown(follower) == [before, failed]
    assert await shown(follower) == []
    await rows.reversal(old, later)  # a correction by hand: no outcome of a delivery posted it
    waits = await rows.delivery("received", received_at=later)
    await bill(rows, waits, later)
    first = await shown(follower)
    assert waits not in first, "it is shown once it has settled"
    await settle(database, waits, state="recorded", reason=None, settled_at=later)
    assert await shown(follower) == [waits]
    assert await shown(follower) == []


async def test_what_commits_late_is_shown_too(feed: Feed, rows: Rows, database: Database) -> None:
    follower = Follower(feed, DeliveryFilter())
    await follower.start()
    later = await rows.delivery("ignored", received_at=START + timedelta(seconds=2))
    assert await shown(follower) == [later]
    earlier = await rows.delivery("ignored", received_at=START + timedelta(seconds=1))
    assert await shown(follower) == [earlier]


async def test_rejections_are_shown_each_time_that_there_is_one_more(
    feed: Feed, rows: Rows, database: Database
) -> None:
    await reject(database, 0)
    follower = Follower(feed, DeliveryFilter())
    await follower.start()
    assert await shown(follower) == []
    await reject(database, 1)
    found: list[str] = []
    for seconds in (2, 3):
        await reject(database, seconds, cause="unknown-path", source="unknown", group="g")
        found = await shown(follower)
    assert found == ["unknown-path"]
    assert await shown(follower) == []
    only = Follower(feed, DeliveryFilter(state="recorded", since=START))
    await only.start()
    assert await shown(only) == []


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (DeliveryFilter(), ["d1", "d2", "d3"]),
        (DeliveryFilter(source="github"), ["d3"]),
        (DeliveryFilter(state="failed"), ["d2"]),
        (DeliveryFilter(reason="unpriced"), ["d2"]),
        (DeliveryFilter(rule="won"), ["d2"]),
        (DeliveryFilter(since=START + timedelta(seconds=3)), ["d3"]),
    ],
)
async def test_filters(feed: Feed, rows: Rows, wanted: DeliveryFilter, expected: list[str]) -> None:
    await rows.delivery("ignored", received_at=START + timedelta(seconds=1))
    await rows.delivery(
        "failed", reason="unpriced", rule="won", received_at=START + timedelta(seconds=2)
    )
    await rows.delivery("ignored", source="github", received_at=START + timedelta(seconds=3))
    since = wanted.since or START
    follower = Follower(feed, wanted.model_copy(update={"since": since}))
    await follower.start()
    assert await shown(follower) == expected


async def test_while_the_service_is_away_nothing_is_lost(
    feed: Feed, rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Shown] = []
    away: list[str] = []
    is_up, polled = asyncio.Event(), asyncio.Event()
    is_up.set()
    read = feed.deliveries

    async def deliveries_if_up(*where: Any, **limit: Any) -> Any:
        polled.set()
        if not is_up.is_set():
            raise httpx.ConnectError("All connection attempts failed")
        return await read(*where, **limit)

    monkeypatch.setattr(feed, "deliveries", deliveries_if_up)
    task = asyncio.create_task(
        follow(feed, DeliveryFilter(), lines.append, on_away=away.append, pause=0)
    )
    try:
        await _until(polled.is_set)
        first = await rows.delivery("ignored")
        await _until(lambda: len(lines) == 1)
        is_up.clear()
        await _until(lambda: len(away) == 1)
        second = await rows.delivery("ignored")
        polled.clear()
        await _until(polled.is_set)
        is_up.set()
        await _until(lambda: len(lines) == 2)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [one.id for one in lines] == [first, second]
    assert away == ["All connection attempts failed"]


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not is_so():
            await asyncio.sleep(0)


async def test_those_that_never_settle_are_not_waited_for_without_bound(
    rows: Rows, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_WAITING", 2)
    follower = Follower(DatabaseFeed(database), DeliveryFilter(since=START))
    await follower.start()
    ids = [await rows.delivery("received") for _ in range(3)]
    assert await shown(follower) == []
    for one in ids:
        await settle(database, one)
    assert await shown(follower) == ids[1:]


@pytest.mark.parametrize(
    ("token", "said"), [("another", "refuses the token"), (None, "there is no API at")]
)
async def test_a_service_that_does_not_let_one_read_says_why(
    parts: Any, token: str | None, said: str
) -> None:
    async with client(parts, token=token, authorization="Bearer x") as found:
        with pytest.raises(FeedRefused, match=said):
            await follow(ApiFeed(found), DeliveryFilter(), lambda _: None)


async def test_a_filter_that_is_refused_ends_it(api: httpx.AsyncClient) -> None:
    with pytest.raises(FeedRefused, match="NUL"):
        await follow(ApiFeed(api), DeliveryFilter(source="a\0"), lambda _: None)


async def test_a_line_has_source_verdict_customer_and_amount_or_why_not(
    rows: Rows, database: Database
) -> None:
    await rows.charge()
    await rows.delivery("failed", reason="unpriced", detail="No price. Add one.\x1b[2J", rule="won")
    await reject(database, 9, path="/webhook/zendesk", remediation="let the vendor call URL")
    follower = Follower(DatabaseFeed(database), DeliveryFilter(since=START - timedelta(days=1)))
    await follower.start()
    found = [one async for one in follower.new()]
    lines = [line_of(one).plain for one in found]
    assert "  recorded  charged support-agent · acme" in lines[0]
    assert lines[0].endswith("0.99 USD")
    assert lines[1].endswith("failed: unpriced  nothing: No price")
    assert lines[2].endswith("/webhook/zendesk; none matches; let the vendor call URL")
    kinds = [json_of(one) for one in found]
    assert [one["type"] for one in kinds] == ["delivery", "delivery", "rejection"]
    assert kinds[0]["outcomes"][0]["verdict"] == "charged"
    assert "body" not in kinds[0]


async def test_up_prints_a_line_for_each_delivery(
    rows: Rows, database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    settings = load_settings(None, database_url=url)
    task = asyncio.create_task(show_deliveries(settings, Output()))
    printed = ""
    try:
        async with asyncio.timeout(60):
            while "recorded" not in printed:  # one that came before it began is not shown
                await rows.delivery("recorded")
                await asyncio.sleep(0.05)
                printed += capsys.readouterr().out
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert "  zendesk  recorded  " in printed
