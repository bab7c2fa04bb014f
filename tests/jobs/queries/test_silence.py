"""A silence is reported once it is longer than the mapping calls normal, whenever it began."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from jobs.queries.sources.silence import Heard, silent, span
from jobs.queries.sources.traffic import read_silent
from jobs.storage.schema import mapping_files, secret_uses
from tests.mappings.kit import MAPPING, good
from tests.support.rows import Rows

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = good(f"expect_every: 1h\n{MAPPING}")


def ago(minutes: int) -> datetime:
    return NOW - timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("last", "known_since", "is_silent"),
    [
        pytest.param(ago(59), ago(999), False, id="heard-of-in-time"),
        pytest.param(ago(60), ago(999), False, id="just-in-time"),
        pytest.param(ago(61), ago(999), True, id="too-long-ago"),
        pytest.param(ago(61), ago(1), True, id="an-edit-is-no-sign-of-life"),
        pytest.param(None, ago(59), False, id="never-and-new"),
        pytest.param(None, ago(61), True, id="never-and-known-for-long"),
        pytest.param(None, None, False, id="never-and-unknown"),
    ],
)
def test_a_source_is_silent_from_its_last_request_or_from_its_mapping(
    last: datetime | None, known_since: datetime | None, is_silent: bool
) -> None:
    found = silent(HOURLY, {"desk": Heard(last=last, known_since=known_since)}, NOW)
    assert [one.source for one in found] == (["desk"] if is_silent else [])


def test_a_source_without_a_rhythm_is_never_silent() -> None:
    assert silent(good(), {"desk": Heard(last=ago(99_999), known_since=None)}, NOW) == []


def test_a_silence_is_shown_in_words() -> None:
    (one,) = silent(HOURLY, {"desk": Heard(last=ago(150), known_since=None)}, NOW)
    assert str(one) == (
        "source desk is silent since 2026-03-01 09:30Z (2h 30m); it is expected every 1h"
    )
    (never,) = silent(HOURLY, {"desk": Heard(last=None, known_since=ago(90))}, NOW)
    assert "silent since its mapping is known (1h 30m)" in str(never)


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0s"), (12, "12s"), (60, "1m"), (7_200, "2h"), (9_060, "2h 31m"), (273_661, "3d 4h")],
)
def test_a_time_is_shown_in_its_two_largest_units(seconds: float, shown: str) -> None:
    assert span(seconds) == shown
    assert span(timedelta(seconds=seconds)) == shown


async def test_deliveries_and_verified_repeats_are_signs_of_life(rows: Rows) -> None:
    database = rows.database
    async with database.write() as connection:
        old = {"name": "desk.yaml", "text": b"", "updated_at": ago(9_999)}
        await connection.execute(insert(mapping_files).values(**old))
    assert [one.last for one in await read_silent(database, HOURLY)] == [None]
    await rows.delivery(source="desk", received_at=ago(9_000))
    assert [one.last for one in await read_silent(database, HOURLY)] == [ago(9_000)]
    async with database.write() as connection:
        use = {"source": "desk", "secret": "S", "count": 1, "last_used_at": datetime.now(UTC)}
        await connection.execute(insert(secret_uses).values(**use))
    assert await read_silent(database, HOURLY) == []
