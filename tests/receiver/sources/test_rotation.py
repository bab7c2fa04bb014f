"""An old secret ends on its day, and its last users are found before that."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from jobs.intake.secret_uses import SecretUses
from jobs.queries.sources.traffic import SecretUse
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet, load
from mappings.engine.rules.secrets import end_of
from receiver.signatures import RULES
from receiver.sources.registry import ReadySource, known_sources
from receiver.sources.rotation import endings_now, still_used
from receiver.sources.secret_problems import missing_secrets, usable_secrets
from receiver.sources.secrets import Secrets
from tests.support.texts import FILES

ENDS = datetime(2027, 1, 1, tzinfo=UTC)
SECRETS = "[{name: OLD, not_after: 2026-12-31}, NEW]"
VALUES = Secrets(environ={"OLD": "the old one", "NEW": "the new one"})


def mappings(secrets: str = SECRETS, timezone: str = "UTC") -> MappingSet:
    text = FILES["zendesk.yaml"].replace(b"[ZENDESK_SECRET]", secrets.encode())
    return load({**FILES, "zendesk.yaml": text}, timezone=timezone, schemes=RULES)


@pytest.mark.parametrize(
    ("text", "zone", "ends"),
    [
        ("2026-12-31", "UTC", "2027-01-01T00:00:00+00:00"),
        ("2026-12-31", "America/New_York", "2027-01-01T05:00:00+00:00"),
        ("2026-12-31T18:00:00Z", "America/New_York", "2026-12-31T18:00:00+00:00"),
        ("2026-12-31T18:00:00+02:00", "UTC", "2026-12-31T16:00:00+00:00"),
    ],
)
def test_a_day_is_accepted_to_its_end_and_a_time_to_the_second(
    text: str, zone: str, ends: str
) -> None:
    assert end_of(text, ZoneInfo(zone)).astimezone(UTC).isoformat() == ends


@pytest.mark.parametrize(
    ("secrets", "summary"),
    [
        ("[{name: OLD, not_after: 2026-02-30}]", "is neither a day nor a time"),
        ("[{name: OLD, not_after: 9999-12-31}]", "is neither a day nor a time"),
        ('[{name: OLD, not_after: "2026-12-31T18:00:00"}]', "is neither a day nor a time"),
        ("[{name: OLD, until: 2026-12-31}]", "The key `until` is not known"),
        ("[{not_after: 2026-12-31}]", "The key `name` is missing"),
        ("[{name: whsec_x, not_after: 2026-12-31}]", "not the name of a secret"),
        ("[OLD, OLD]", "named twice"),
        ("[OLD, {name: OLD}]", "named twice"),
        ("[17]", "the number 17"),
    ],
)
def test_an_invalid_secret_is_named_with_its_place(secrets: str, summary: str) -> None:
    [problem] = mappings(secrets).problems
    assert summary in str(problem)
    assert (problem.file, problem.line) == ("zendesk.yaml", 2)


def test_a_source_knows_names_and_ends() -> None:
    source = mappings(timezone="Europe/Berlin").sources["zendesk"]
    assert source.secrets == ("OLD", "NEW")
    assert dict(source.secret_ends) == {"OLD": ENDS - timedelta(hours=1)}


@pytest.mark.parametrize(
    ("seconds", "accepted", "ended"),
    [(-1, ("the old one", "the new one"), ()), (0, ("", "the new one"), ("the old one",))],
)
def test_past_its_end_a_secret_is_no_longer_accepted(
    seconds: int, accepted: tuple[str, ...], ended: tuple[str, ...]
) -> None:
    now = ENDS + timedelta(seconds=seconds)
    source = known_sources(mappings(), VALUES)["zendesk"]
    assert isinstance(source, ReadySource)
    assert source.secrets_at(now.timestamp()) == accepted
    assert source.ended_secrets(now.timestamp()) == ended
    names = usable_secrets(mappings().sources["zendesk"], now)
    assert names == (("NEW",) if ended else ("OLD", "NEW"))


def test_a_secret_that_ended_at_second_0_has_ended() -> None:
    found = mappings(secrets="[{name: OLD, not_after: 1970-01-01T00:00:00Z}]")
    source = known_sources(found, VALUES)["zendesk"]
    assert isinstance(source, ReadySource)
    assert source.secrets_at(ENDS.timestamp()) == ("",)
    assert source.ended_secrets(ENDS.timestamp()) == ("the old one",)


def test_a_source_whose_only_set_secret_has_ended_has_none() -> None:
    only_old = Secrets(environ={"OLD": "the old one"})
    before, after = ENDS - timedelta(seconds=1), ENDS
    assert missing_secrets(mappings(), only_old, now=before) == {}
    assert missing_secrets(mappings(), only_old, now=after) == {"zendesk": ("NEW",)}


def used(**days_ago: float) -> dict[str, Any]:
    """How many days before the end each secret was last used."""
    return {
        "zendesk": {
            name: SecretUse(count=1, last_used_at=ENDS - timedelta(days=days))
            for name, days in days_ago.items()
        }
    }


@pytest.mark.parametrize(
    ("uses", "days_left", "warned"),
    [
        pytest.param(used(OLD=6.5), 6, True, id="used-within-a-day"),
        pytest.param(used(OLD=6.5, NEW=6.2), 6, True, id="used-within-a-day-beside-the-new"),
        pytest.param(used(OLD=40), 6, True, id="rarely-used-and-still-the-latest"),
        pytest.param(used(OLD=8, NEW=6.5), 6, False, id="out-of-use"),
        pytest.param(used(NEW=6.5), 6, False, id="never-used"),
        pytest.param({}, 6, False, id="nothing-came"),
        pytest.param(used(OLD=8.5), 8, False, id="long-before-the-end"),
        pytest.param(used(OLD=0.1), -1, True, id="ended-while-in-use"),
        pytest.param(used(OLD=0.1, NEW=-0.5), -1, False, id="ended-and-exchanged-since"),
    ],
)
def test_a_secret_still_used_shortly_before_its_end_is_found(
    uses: dict[str, Any], days_left: float, *, warned: bool
) -> None:
    found = still_used(mappings(), uses, ENDS - timedelta(days=days_left))
    assert [(one.source, one.secret) for one in found] == ([("zendesk", "OLD")] if warned else [])


async def test_what_has_been_counted_shows_it(sqlite_tables: Database) -> None:
    today = datetime.now(UTC)
    secrets = f"[{{name: OLD, not_after: {today:%Y-%m-%d}}}, NEW]"
    uses = SecretUses(sqlite_tables)
    uses.add("zendesk", "OLD", today)
    with capture_logs():
        await uses.flush()
    [ending] = await endings_now(mappings(secrets), sqlite_tables)
    assert ending.source == "zendesk"
    assert str(ending).startswith("OLD is still used and ends at ")
