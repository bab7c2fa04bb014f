"""`purge`, as a user with an erasure request sees it."""

from __future__ import annotations

import sqlite3
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from jobs.storage import sqlite
from receiver.cli.common.session import PATIENCE_SECONDS
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows


async def _some(rows: Rows) -> None:
    """A customer with a charge; a failure that names it; another customer."""
    await rows.charge()
    await rows.failure("conflict", "already recorded for a / acme / won", body=b'{"to": "acme"}')
    globex = await rows.outcome(await rows.delivery(), customer_id="globex")
    assert globex == "o2"


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(_some)
    return installed


def test_a_dry_run_counts_and_changes_nothing(filled: Installation) -> None:
    ran = filled.run("purge", "--customer", "acme", "--dry-run")
    assert (ran.code, ran.err) == (0, "")
    for line in ("would change:", "  1 outcome", "  1 billing event", "  1 body removed"):
        assert f"{line}\n" in ran.out
    assert filled.run("purge", "--customer", "acme", "--dry-run").out == ran.out


def test_it_says_what_was_changed_and_what_is_out_of_reach(filled: Installation) -> None:
    ran = filled.run("purge", "--customer", "acme", "--note", "asked for", "--yes")
    assert ran.code == 0
    assert "to erase: 1 outcome; 1 billing event; 1 text of ours; 1 body removed" in ran.err
    assert "purged: it is purged-" in ran.out
    assert "1 body of deliveries that billed nothing (1 failed)" in ran.out
    assert "1 kept body has its text somewhere (`receiver show`): d2" in ran.out
    assert "back-ups" in ran.out
    shown = filled.run("show", "d1")
    assert "was removed by `receiver purge`" in shown.out
    assert "acme" not in shown.out
    assert "acme" not in filled.run("deliveries", "d2").out


def test_as_json_it_is_one_object_and_again_it_has_nothing_to_do(filled: Installation) -> None:
    did = filled.run("purge", "--customer", "acme", "--yes", "--json").json
    assert did == {
        "pseudonym": did["pseudonym"],
        "purged_before": None,
        "outcomes": 1,
        "billing_events": 1,
        "outcome_keys": 0,
        "actions": 0,
        "bodies": 1,
        "shared_bodies": 0,
        "texts": 1,
        "left": {
            "bodies_that_billed_nothing": {"failed": 1},
            "bodies_with_its_text": 1,
            "deliveries_with_its_text": ["d2"],
            "mapping_versions": [],
        },
    }
    ran = filled.run("purge", "--customer", "acme")
    assert (ran.code, ran.err) == (0, "")
    assert f"as {did['pseudonym']}\nnothing is left to do\n" in ran.out
    assert (
        filled.run("purge", "--customer", "acme", "--yes", "--json")
        .json["purged_before"]
        .endswith("Z")
    )


def test_the_revenue_is_what_it_was(filled: Installation) -> None:
    before = filled.run("revenue", "--json").json
    stand_in = filled.run("purge", "--customer", "acme", "--yes", "--json").json["pseudonym"]
    assert filled.run("revenue", "--json").json == before
    of_customer = filled.run("revenue", "--by", "customer", "--json").json
    assert [one["customer"] for one in of_customer] == [stand_in]


@pytest.mark.parametrize(("answer", "code"), [("n\n", 1), ("\n", 1), ("y\n", 0)])
def test_at_a_terminal_it_asks_first(
    filled: Installation, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr("receiver.cli.common.consent.can_ask", lambda: True)
    ran = filled.run("purge", "--customer", "acme", given=answer)
    assert ran.code == code
    assert "It cannot be undone. Erase it? [y/N]" in ran.err
    assert ("nothing was erased" in ran.err) is bool(code)
    left = filled.run("revenue", "--by", "customer", "--json").json
    assert ("acme" in [item["customer"] for item in left]) is bool(code)


REFUSED = {
    "never billed": (["--customer", "acme-corp"], 1, "no customer was ever billed as 'acme-corp'"),
    "no id": ([], 2, "--customer"),
    "blank": (["--customer", " "], 2, "is no id"),
    "unstorable": (["--customer", "a\ud800"], 2, "is no id"),
    "too long": (["--customer", "a" * 257], 2, "is no id"),
}


@pytest.mark.parametrize(("arguments", "code", "expected"), REFUSED.values(), ids=REFUSED.keys())
def test_an_unknown_id_is_refused(
    filled: Installation, arguments: list[str], code: int, expected: str
) -> None:
    ran = filled.run("purge", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err


def test_who_is_in_a_body_only_is_told_where(filled: Installation) -> None:
    filled.fill(lambda rows: rows.delivery("ignored", id="d9", dedupe_key="9", body=b"of zoe"))
    ran = filled.run("purge", "--customer", "zoe")
    assert (ran.code, ran.out) == (1, "")
    assert "a kept body has its text somewhere" in ran.err
    assert "d9" in ran.err


def test_it_waits_for_a_database_that_workers_keep_busy(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's one write lock is free again once it was asked for in vain a few times."""
    if not filled.url.startswith("sqlite"):
        pytest.skip("rows have locks of their own")
    holder = sqlite3.connect(str(make_url(filled.url).database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    waits = []
    began = sqlite._began

    def counted(connection: Any, mode: str) -> bool:
        if mode == "IMMEDIATE" and not began(connection, mode):
            waits.append(mode)
            if len(waits) == 3 and holder.in_transaction:
                holder.rollback()
            return False
        return mode == "IMMEDIATE" or began(connection, mode)

    monkeypatch.setattr(sqlite, "_began", counted)
    ran = filled.run("purge", "--customer", "acme", "--yes")
    holder.close()
    assert (ran.code, "purged: it is purged-" in ran.out) == (0, True)
    assert waits
    assert PATIENCE_SECONDS > sqlite.BUSY_SECONDS
