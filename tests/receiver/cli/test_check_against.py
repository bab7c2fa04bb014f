"""`check --against`: what an edited mapping, table or price would bill otherwise."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from jobs.storage.schema import mapping_files
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows
from tests.support.texts import FILES


async def _deliveries(rows: Rows) -> None:
    """Three tickets of yesterday, the last of them not solved; and what is in force."""
    async with rows.database.write() as connection:
        for name, text in FILES.items():
            row = {"name": name, "text": text, "updated_at": datetime.now(UTC)}
            await connection.execute(insert(mapping_files).values(**row))
    yesterday = datetime.now(UTC) - timedelta(days=1)
    for ticket, state in enumerate(("solved", "solved", "open"), 1):
        body = json.dumps({"state": state, "customer": "acme", "ticket": ticket}).encode()
        at = yesterday + timedelta(seconds=ticket)
        await rows.delivery("received", body=body, received_at=at)


@pytest.fixture
def edited(installed: Installation) -> Installation:
    """A folder `edited` beside the mappings in force."""
    installed.fill(_deliveries)
    shutil.copytree(installed.mappings, _folder(installed))
    return installed


def _folder(installed: Installation) -> Path:
    return installed.root / "edited"


def _edit(installed: Installation, name: str, old: str, new: str) -> None:
    path = _folder(installed) / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def _check(installed: Installation, *arguments: str) -> Any:
    return installed.run("check", str(_folder(installed)), *arguments)


def test_without_an_edit_nothing_differs(edited: Installation) -> None:
    ran = _check(edited, "--against", "7d")
    assert ran.code == 0
    assert "against the last 7d: 3 deliveries compared" in ran.out
    assert "no difference" in ran.out


def test_a_price_makes_a_signed_difference_and_is_no_problem(edited: Installation) -> None:
    _edit(edited, "agents.yaml", "0.99", "7.24")
    ran = _check(edited, "--against", "7d")
    assert ran.code == 0
    assert "+12.50 USD in all" in ran.out
    assert "zendesk solved: +12.50 USD" in ran.out
    assert "2 billed otherwise" in ran.out
    assert "bills otherwise: d1 zendesk: +0.99 USD for support-agent / acme" in ran.out
    assert edited.run("deliveries", "--state", "received").code == 0


def test_an_edit_that_moves_no_money_is_told_all_the_same(edited: Installation) -> None:
    _edit(edited, "zendesk.yaml", "${{ payload.customer }}", "globex")
    ran = _check(edited, "--against", "7d")
    assert ran.code == 0
    assert "no difference in money in all" in ran.out
    assert "2 billed otherwise" in ran.out


def test_as_json_it_is_one_object(edited: Installation) -> None:
    _edit(edited, "agents.yaml", "0.99", "0.49")
    found = _check(edited, "--against", "2", "--json").json
    assert found["against"]["since"].endswith("Z")
    assert found.keys() == {"problems", "against"}
    assert found["problems"] == []
    against = found["against"]
    assert against["amounts"] == [{"currency": "USD", "difference": "-0.50"}]
    assert against["rules"] == [
        {
            "source": "zendesk",
            "rule": "solved",
            "currency": "USD",
            "difference": "-0.50",
            "before": {"charges": 1, "reversals": 0, "amount": "0.99"},
            "after": {"charges": 1, "reversals": 0, "amount": "0.49"},
        }
    ]
    assert (against["window"], against["deliveries"], against["changed"]) == ("2", 2, 1)


def test_what_newly_bills_and_fails_and_no_longer_bills_is_named(edited: Installation) -> None:
    _edit(edited, "zendesk.yaml", '"solved"\n', '"open"\n')
    ran = _check(edited, "--against", "7d")
    assert "-0.99 USD in all" in ran.out
    assert "2 recorded → ignored: no-outcome" in ran.out
    assert "1 ignored: no-outcome → recorded" in ran.out
    assert "newly bills: d3 zendesk: +0.99 USD" in ran.out
    assert "no longer bills: d1 zendesk" in ran.out
    _edit(edited, "zendesk.yaml", "payload.customer", "payload.company")
    ran = _check(edited, "--against", "7d")
    assert ran.code == 0
    assert "newly fails: d3 zendesk: mapping: " in ran.out


def test_bodies_that_are_gone_are_counted_aloud(edited: Installation) -> None:
    async def gone(rows: Rows) -> None:
        left: dict[str, Any] = {"body": None, "headers": {}, "evidence": "expired"}
        await rows.delivery(id="gone", dedupe_key="gone", received_at=datetime.now(UTC), **left)

    edited.fill(gone)
    ran = _check(edited, "--against", "4")
    assert "1 not compared, their bodies are gone" in ran.out


def test_problems_end_in_one_with_the_difference_where_it_is_known(
    edited: Installation,
) -> None:
    _edit(edited, "agents.yaml", "0.99", "1.99")
    (_folder(edited) / "zendesk.yaml").open("a").write(
        "examples:\n"
        "  - payload: {state: solved, customer: acme, ticket: 1}\n"
        '    outcomes: [{customer: acme, amount: "0.99 USD"}]\n'
    )
    ran = _check(edited, "--against", "7d", "--json")
    assert ran.code == 1
    assert len(ran.json["problems"]) == 1
    assert ran.json["against"]["amounts"] == [{"currency": "USD", "difference": "2.00"}]
    _edit(edited, "zendesk.yaml", "once_per", "once_perr")
    ran = _check(edited, "--against", "7d", "--json")
    assert ran.code == 1
    assert ran.json["against"] is None
    assert "fix these problems first" in ran.err


def test_a_bad_edit_of_the_folder_in_force_is_held_against_what_was_good(
    edited: Installation,
) -> None:
    agents = edited.mappings / "agents.yaml"
    agents.write_text(agents.read_text().replace("0.99", "1.99"))
    ran = edited.run("check", "--against", "1d")
    assert "+2.00 USD in all" in ran.out


@pytest.mark.parametrize("wrong", ["7x", "0", "0d", "-1", "a week"])
def test_a_wrong_window_is_misuse(edited: Installation, wrong: str) -> None:
    ran = _check(edited, f"--against={wrong}")
    assert (ran.code, ran.out) == (2, "")
    assert f"against is {wrong!r}; write how far back, such as 7d" in ran.err


def test_it_needs_the_database(edited: Installation, bare: Installation) -> None:
    ran = _check(edited, "--against", "7d", "--offline")
    assert (ran.code, ran.out) == (2, "")
    assert "--against needs the database" in ran.err


def test_without_a_database_it_says_so(bare: Installation) -> None:
    ran = bare.run("check", "--against", "7d")
    assert ran.code == 1
    assert "receiver migrate" in ran.err


def test_with_nothing_in_force_yet_there_is_nothing_to_compare_with(
    installed: Installation,
) -> None:
    ran = installed.run("check", "--against", "7d", "--json")
    assert ran.code == 0
    assert ran.json == {"problems": [], "against": None}
    assert "no process has used mappings" in ran.err


def test_an_edit_that_is_in_force_already_is_compared_with_what_was_before(
    installed: Installation,
) -> None:
    """The folder that the service reads: within seconds of an edit nothing would differ."""
    installed.fill(_deliveries)
    installed.take_up()
    path = installed.mappings / "agents.yaml"
    path.write_text(path.read_text().replace("0.99", "7.24"))
    ran = installed.run("check", "--against", "7d")
    assert ("in force already" in ran.err, "+12.50 USD in all" in ran.out) == (False, True)
    installed.take_up()
    ran = installed.run("check", "--against", "7d")
    assert ran.code == 0
    assert "in force already, since 2" in ran.err
    assert "before (agents.yaml changed)" in ran.err
    assert "+12.50 USD in all" in ran.out
    against = installed.run("check", "--against", "7d", "--json").json["against"]
    assert against["files_edited"] == ["agents.yaml"]
    assert against["in_force_since"].endswith("Z")


def test_where_nothing_was_in_force_before_it_is_said(installed: Installation) -> None:
    installed.take_up()
    installed.fill(_one_delivery)
    ran = installed.run("check", "--against", "7d")
    assert "in force already, and nothing was in force before them" in ran.err
    assert "no difference: all of them bill as they do now" in ran.out


async def _one_delivery(rows: Rows) -> None:
    await rows.delivery("received", body=b"{}", received_at=datetime.now(UTC))
