"""One time zone for a database, whatever its processes are set to."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert, select

from jobs.heartbeat import Heartbeat
from jobs.queries.ledger.moved_months import moved_months
from jobs.storage.schema import actions, heartbeats
from jobs.timezone import (
    ProcessesAlive,
    TimezoneDiffers,
    change_timezone,
    claim_timezone,
    stored_timezone,
)
from tests.jobs.workshop import Workshop
from tests.support.rows import Rows

BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"


@pytest.mark.parametrize(("first", "stored"), [(BERLIN, BERLIN), (None, "UTC")])
async def test_the_first_process_writes_the_zone_and_later_ones_take_it(
    workshop: Workshop, first: str | None, stored: str
) -> None:
    assert await claim_timezone(workshop.database, first) == stored
    assert await claim_timezone(workshop.database, None) == stored
    assert await stored_timezone(workshop.database) == stored


async def test_a_process_set_to_another_zone_is_refused_with_both_names_and_the_way_out(
    workshop: Workshop,
) -> None:
    await claim_timezone(workshop.database, BERLIN)
    with pytest.raises(TimezoneDiffers) as refused:
        await claim_timezone(workshop.database, TOKYO)
    for words in (TOKYO, f"RECEIVER_TIMEZONE={BERLIN}", f"`receiver timezone {TOKYO}`"):
        assert words in str(refused.value)
    assert await stored_timezone(workshop.database) == BERLIN


async def test_of_first_processes_that_start_at_once_with_different_zones_one_is_refused(
    workshop: Workshop,
) -> None:
    outcomes = await asyncio.gather(
        claim_timezone(workshop.database, BERLIN),
        claim_timezone(workshop.new_database(), TOKYO),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, TimezoneDiffers)]
    assert len(refused) == 1
    assert await stored_timezone(workshop.database) in outcomes


async def test_a_process_of_a_version_that_stored_no_zone_decides_while_it_runs(
    workshop: Workshop,
) -> None:
    row = {"name": "old:1", "role": "web", "detail": {"timezone": BERLIN}}
    async with workshop.database.write() as connection:
        await connection.execute(insert(heartbeats).values(seen_at=workshop.database.now(), **row))
    assert await claim_timezone(workshop.database, None) == BERLIN


async def test_the_zone_does_not_change_under_a_process_that_runs(workshop: Workshop) -> None:
    await claim_timezone(workshop.database, BERLIN)
    process = Heartbeat(workshop.database, role="work", detail=dict)
    await process.beat()
    with pytest.raises(ProcessesAlive, match="stop them first"):
        await change_timezone(workshop.database, TOKYO, actor="me", note=None)
    await process.stop()
    await change_timezone(workshop.database, TOKYO, actor="me", note="moved")
    assert await claim_timezone(workshop.database, TOKYO) == TOKYO
    async with workshop.database.read() as connection:
        (action,) = (await connection.execute(select(actions))).mappings()
    assert (action["kind"], action["actor"], action["note"]) == ("timezone", "me", "moved")
    assert action["detail"] == {"from": BERLIN, "to": TOKYO}


async def test_the_months_that_another_zone_changes_are_shown_with_both_amounts(
    workshop: Workshop,
) -> None:
    rows = Rows(workshop.database)
    await rows.charge(datetime(2026, 10, 31, 23, 30, tzinfo=UTC))  # November in Berlin
    await rows.charge(datetime(2026, 10, 15, tzinfo=UTC), micros=5_000_000)
    await rows.charge(datetime(2026, 8, 15, tzinfo=UTC), micros=7_000_000)
    moved = await moved_months(workshop.database, ZoneInfo("UTC"), ZoneInfo(BERLIN))
    assert [(one.basis, one.month, one.before, one.after) for one in moved] == [
        (basis, month, before, after)
        for basis in ("occurred", "recorded")
        for month, before, after in [("2026-11", "0.00", "0.99"), ("2026-10", "5.99", "5.00")]
    ]
    assert await moved_months(workshop.database, ZoneInfo("UTC"), ZoneInfo("Etc/UTC")) == []
