from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.backtest.window import next_deliveries, parse_window, recorded_before, span_of
from jobs.common.errors import FilterInvalid
from jobs.ledger.repository import load_books
from jobs.storage.schema import deliveries
from tests.jobs.builders import at
from tests.jobs.desk import Desk
from tests.jobs.doubles import FakeMappings, bill, body, incoming
from tests.jobs.workshop import Workshop


@pytest.mark.parametrize(
    ("text", "age", "count"),
    [
        ("7d", timedelta(days=7), None),
        ("24h", timedelta(hours=24), None),
        ("90m", timedelta(minutes=90), None),
        ("2w", timedelta(weeks=2), None),
        ("500", None, 500),
    ],
)
def test_a_window_is_an_age_or_a_number(
    text: str, age: timedelta | None, count: int | None
) -> None:
    window = parse_window(text)
    assert (window.age, window.count) == (age, count)


@pytest.mark.parametrize(
    "text", ["", "7x", "0", "0d", "-3", "7 d", "1.5h", "d", "7dd", "999999999w", "9999999999", "٣"]
)
def test_anything_else_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(FilterInvalid, match="7d, 24h or 30m, or how many deliveries"):
        parse_window(text)


@pytest.fixture
async def ages(workshop: Workshop) -> list[str]:
    """Deliveries of three days ago, two hours ago, two minutes ago, by id."""
    now = datetime.now(UTC)
    back = (timedelta(days=3), timedelta(hours=2), timedelta(minutes=2))
    ids = [one for _ in back for one in await workshop.accept([incoming(body(bill("key")))])]
    for one, ago in zip(ids, back, strict=True):
        await workshop.received(one, now - ago)
    return ids


@pytest.mark.parametrize(
    ("text", "found"),
    [("1m", 0), ("3m", 1), ("24h", 2), ("7d", 3), ("1", 1), ("2", 2), ("3", 3), ("50", 3)],
)
async def test_the_span_of_a_window(
    workshop: Workshop, ages: list[str], text: str, found: int
) -> None:
    span = await span_of(workshop.database, parse_window(text))
    if not found:
        assert span is None
        return
    assert span is not None
    assert (span.deliveries, span.first.id, span.last.id) == (found, ages[-found], ages[-1])


async def test_without_deliveries_there_is_no_span(workshop: Workshop) -> None:
    assert await span_of(workshop.database, parse_window("7d")) is None
    assert await span_of(workshop.database, parse_window("7")) is None


async def test_a_span_is_read_in_steps_and_has_nothing_that_comes_later(
    workshop: Workshop, ages: list[str]
) -> None:
    span = await span_of(workshop.database, parse_window("7d"))
    assert span is not None
    await workshop.accept([incoming(body())])
    async with workshop.database.read() as connection:
        first = await next_deliveries(connection, span, after=None, limit=2)
        more = await next_deliveries(connection, span, after=span.first, limit=5)
        none = await next_deliveries(connection, span, after=span.last, limit=5)
    assert [row["id"] for row in first] == ages[:2]
    assert [row["id"] for row in more] == ages[1:]
    assert list(none) == []
    assert await workshop.count(deliveries) == 4


async def test_what_was_recorded_before_is_of_earlier_deliveries_and_of_persons(
    workshop: Workshop,
) -> None:
    fake = FakeMappings()
    desk = Desk(workshop, fake, await workshop.settler(fake))
    ids = await desk.settle(
        bill("key", at=at(1)), bill("key", at=at(2)), bill("other"), bill("key", at=at(3))
    )
    await desk.reverse(ids[0])
    span = await span_of(workshop.database, parse_window("2"))
    assert span is not None
    async with workshop.database.read() as connection:
        books = await load_books(connection, ["key", "other"], where=recorded_before(span))
    assert [one.kind.value for one in books["key"].outcomes] == ["charge", "charge", "reversal"]
    assert [one.provenance.delivery_id for one in books["key"].outcomes] == [*ids[:2], None]
    assert books["key"].entries == []
    assert books["other"].outcomes == []
