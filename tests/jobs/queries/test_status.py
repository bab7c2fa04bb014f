from datetime import UTC, datetime, timedelta

from jobs.queries.deliveries.status import read_status
from jobs.queries.sources.traffic import read_traffic
from jobs.storage.database import Database
from tests.support.rows import Rows


async def test_an_empty_service_balances(database: Database) -> None:
    status = await read_status(database)
    assert status.accepted == 0
    assert status.oldest_received_age_seconds is None
    assert status.balances


async def test_accepted_comes_from_intake_and_the_rest_from_states(
    database: Database, rows: Rows
) -> None:
    await rows.accepted(3)
    await rows.accepted(2)
    for state in ("received", "recorded", "ignored", "failed", "discarded"):
        await rows.delivery(state)
    status = await read_status(database)
    assert status.model_dump(exclude={"oldest_received_age_seconds"}) == {
        "accepted": 5,
        "received": 1,
        "recorded": 1,
        "ignored": 1,
        "failed": 1,
        "discarded": 1,
    }
    assert status.balances


async def test_a_delivery_that_intake_never_counted_does_not_balance(
    database: Database, rows: Rows
) -> None:
    await rows.accepted(1)
    await rows.delivery("recorded")
    await rows.delivery("received")
    assert not (await read_status(database)).balances


async def test_the_age_is_that_of_the_oldest_still_waiting(database: Database, rows: Rows) -> None:
    now = datetime.now(UTC)
    await rows.delivery("recorded", received_at=now - timedelta(hours=5))
    await rows.delivery("received", received_at=now - timedelta(minutes=2))
    await rows.delivery("received", received_at=now)
    age = (await read_status(database)).oldest_received_age_seconds
    assert age is not None
    assert 119 < age < 150


async def test_traffic_is_counted_by_source(database: Database, rows: Rows) -> None:
    at = datetime(2026, 6, 1, tzinfo=UTC)
    await rows.delivery(source="github")
    await rows.delivery(source="github", received_at=at)
    await rows.delivery(source="zendesk")
    traffic = await read_traffic(database)
    assert {name: one.deliveries for name, one in traffic.items()} == {"github": 2, "zendesk": 1}
    assert traffic["github"].last_delivery == at
