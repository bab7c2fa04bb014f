"""`rejections`, and what `sources` tells of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.intake.rejections import Rejected, RejectionBook
from jobs.intake.secret_uses import SecretUses
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows


async def _some(rows: Rows) -> None:
    book = RejectionBook(rows.database)
    for number, source in enumerate(["zendesk", "zendesk", "unknown"]):
        book.add(
            Rejected(
                at=datetime(2026, 5, 1, 12, 0, number, tzinfo=UTC),
                source=source,
                cause="unknown-source" if source == "unknown" else "stale-timestamp",
                detail="the time of signing is 900 s ago",
                remote="203.0.113.7",
                header_names=("host", "user-agent"),
                body_bytes=17,
                body_sha256="0" * 64,
            )
        )
    await book.flush()


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(_some)
    return installed


def test_rejections_are_counted_by_cause_and_listed_newest_first(filled: Installation) -> None:
    ran = filled.run("rejections")
    assert ran.code == 0
    first = "3 requests not taken so far: stale-timestamp 2, unknown-source 1"
    assert ran.out.splitlines()[0] == first
    assert ran.out.index("12:00:02Z") < ran.out.index("12:00:00Z")
    assert "host user-agent" in ran.out


def test_as_json_they_are_the_items_of_the_api(filled: Installation) -> None:
    items = filled.run("rejections", "--source", "zendesk", "--json").json
    assert [item["at"] for item in items] == ["2026-05-01T12:00:01Z", "2026-05-01T12:00:00Z"]
    assert filled.run("rejections", "--cause", "wrong-signature", "--json").json == []


def test_none_at_all_is_said(installed: Installation) -> None:
    assert installed.run("rejections").out == "nothing rejected\n"


def test_sources_tell_the_last_rejection_of_each(filled: Installation) -> None:
    [source] = filled.run("sources", "--json").json
    assert source["source"] == "zendesk"
    assert source["last_rejection"] == "2026-05-01T12:00:01Z"
    assert "2026-05-01 12:00:01Z stale-timestamp" in filled.run("sources").out


def test_sources_tell_which_secret_is_in_use_and_warn_of_its_end(installed: Installation) -> None:
    async def use(rows: Rows) -> None:
        uses = SecretUses(rows.database)
        uses.add("zendesk", "ZENDESK_SECRET", datetime.now(UTC))
        await uses.flush()

    installed.fill(use)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    installed.edit(
        "[ZENDESK_SECRET]",
        f"[{{name: ZENDESK_SECRET, not_after: {tomorrow:%Y-%m-%d}}}, ZENDESK_SECRET_NEW]",
    )
    [source] = installed.run("sources", "--json").json
    old, new = source["secrets"]
    assert (old["uses"], new["uses"], new["last_used"]) == (1, 0, None)
    assert old["not_after"].startswith(f"{tomorrow + timedelta(days=1):%Y-%m-%d}")
    [warning] = source["warnings"]
    assert warning.startswith("ZENDESK_SECRET is still used and ends at ")
    out = installed.run("sources").out
    assert "ZENDESK_SECRET_NEW not set (never used)" in out
    assert "still used and ends" in out
