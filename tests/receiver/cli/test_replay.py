"""`replay` and `discard`."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from jobs.replays.replay import ReplayStatus
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows


async def _failures(rows: Rows) -> None:
    for ticket in (1, 2):
        body = json.dumps({"state": "solved", "customer": "acme", "ticket": ticket}).encode()
        await rows.failure("unpriced", "no price", body=body)
    await rows.delivery("recorded")


@pytest.fixture
def failed(installed: Installation) -> Installation:
    """Two deliveries that failed as unpriced and have a price now; one recorded."""
    installed.fill(_failures)
    return installed


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.cli.common.consent.can_ask", lambda: True)


def _states(installed: Installation) -> dict[str, int]:
    found: dict[str, int] = installed.run("status", "--json").json
    return found


def test_a_replay_that_is_agreed_to_counts_and_begins(failed: Installation) -> None:
    ran = failed.run("replay", "--reason", "unpriced", "--yes")
    assert ran.code == 0
    assert "2 failed deliveries to replay" in ran.err
    assert "has begun" in ran.out
    assert "no worker is alive" in ran.err


def test_a_replay_as_json_is_the_object_of_the_api(failed: Installation) -> None:
    ran = failed.run("replay", "--reason", "unpriced", "--limit", "1", "--yes", "--json")
    assert ran.json.keys() == {"id", "matched"}
    assert ran.json["matched"] == 1


def test_a_dry_run_shows_what_would_be_billed(failed: Installation) -> None:
    ran = failed.run("replay", "--reason", "unpriced", "--dry-run")
    assert ran.code == 0
    assert "2 deliveries would settle: 2 recorded" in ran.out
    assert "would bill 1.98 USD" in ran.out
    as_json = failed.run("replay", "--reason", "unpriced", "--dry-run", "--json").json
    assert as_json["amounts"] == [{"currency": "USD", "amount": "1.98"}]
    assert _states(failed)["failed"] == 2


def test_a_dry_run_shows_what_still_fails(failed: Installation) -> None:
    failed.edit("payload.customer", "payload.company")
    ran = failed.run("replay", "d1", "--dry-run")
    assert "would settle: 1 failed" in ran.out
    assert "still fails: d1 mapping" in ran.out


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize("command", ["replay", "discard"])
def test_at_a_terminal_a_no_changes_nothing(failed: Installation, command: str) -> None:
    ran = failed.run(command, "--reason", "unpriced", "--note", "why", given="n\n")
    assert ran.code == 1
    assert "[y/N]" in ran.err
    assert _states(failed)["failed"] == 2


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize(
    ("arguments", "given"), [([], "y\n"), (["--yes"], "")], ids=["asked", "yes"]
)
def test_at_a_terminal_a_yes_goes_on(
    failed: Installation, arguments: list[str], given: str
) -> None:
    ran = failed.run("discard", "--reason", "unpriced", "--note", "why", *arguments, given=given)
    assert ran.code == 0
    assert "2 deliveries discarded" in ran.out
    assert _states(failed)["discarded"] == 2


CHANGES = {
    "replay": (["replay", "--reason", "unpriced"], "2 failed deliveries would be replayed"),
    "discard": (["discard", "d1", "--note", "why"], "1 delivery would be discarded"),
    "purge": (["purge", "--customer", "acme"], "1 outcome; 1 billing event;"),
    "timezone": (["timezone", "Asia/Tokyo"], "2 months would be changed"),
    "reverse": (["reverse", "b11", "--note", "why"], "1 open charge would be reversed"),
}


async def _charge_on_the_last_evening_of_april(rows: Rows) -> None:
    rows.skip(10)
    await rows.charge(datetime(2026, 4, 30, 20, tzinfo=UTC))


@pytest.mark.parametrize(("command", "counts"), CHANGES.values(), ids=CHANGES.keys())
def test_without_a_terminal_a_change_needs_a_yes(
    failed: Installation, command: list[str], counts: str
) -> None:
    failed.take_up()
    failed.fill(_charge_on_the_last_evening_of_april)
    before = failed.run("actions", "--json").json, failed.run("revenue", "--json").json
    ran = failed.run(*command)
    assert (ran.code, ran.out) == (2, "")
    assert "--yes is missing" in ran.err
    assert counts in ran.err
    assert failed.run(*command, "--dry-run").code == 0
    assert (failed.run("actions", "--json").json, failed.run("revenue", "--json").json) == before
    assert failed.run(*command, "--yes").code == 0


def test_a_discard_needs_a_note(failed: Installation) -> None:
    ran = failed.run("discard", "--reason", "unpriced")
    assert ran.code == 2
    assert "--note is missing" in ran.err
    assert failed.run("discard", "--reason", "unpriced", "--dry-run", "--json").json == {
        "matched": 2
    }


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        pytest.param(["replay"], 2, "name what to replay", id="nothing"),
        pytest.param(["replay", "--yes"], 2, "name what to replay", id="nothing-but-yes"),
        pytest.param(["replay", "d1", "d9"], 1, "there is no delivery 'd9'", id="unknown"),
        pytest.param(["replay", "--state", "received"], 2, "cannot be replayed", id="received"),
        pytest.param(["discard", "--note", "x"], 2, "name what to discard", id="discard-nothing"),
        pytest.param(
            ["discard", "--state", "recorded", "--note", "x"], 2, "cannot be", id="recorded"
        ),
    ],
)
def test_what_cannot_be_done_is_refused(
    failed: Installation, command: list[str], code: int, expected: str
) -> None:
    ran = failed.run(*command)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
    assert _states(failed)["failed"] == 2


def test_an_id_in_another_state_is_pointed_out(failed: Installation) -> None:
    ran = failed.run("replay", "d1", "d3", "--yes")
    assert "1 failed delivery to replay" in ran.err
    assert "1 of those named is not failed; name their --state" in ran.err
    ran = failed.run("discard", "d3", "--note", "why")
    assert "1 of those named is not failed or ignored" in ran.err


def test_a_replay_of_nothing_is_done_at_once(failed: Installation) -> None:
    ran = failed.run("replay", "--reason", "parse", "--wait", "--json")
    assert ran.code == 0
    assert (ran.json["state"], ran.json["matched"]) == ("done", 0)


def test_waiting_gives_up_where_no_worker_is(
    failed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.cli.replay.WORKERLESS_SECONDS", 0.0)
    ran = failed.run("replay", "--reason", "unpriced", "--wait", "--yes")
    assert ran.code == 1
    assert "continues once one runs" in ran.err


@pytest.mark.parametrize(
    ("status", "code"),
    [({"recorded": 2}, 0), ({"recorded": 1, "failed": 1}, 1)],
    ids=["all-well", "one-fails-again"],
)
def test_waiting_ends_with_the_result(
    failed: Installation, monkeypatch: pytest.MonkeyPatch, status: dict[str, Any], code: int
) -> None:
    counts = {"recorded": 0, "ignored": 0, "failed": 0, "unchanged": 0, "not_replayed": 0, **status}
    done = ReplayStatus(id="r", state="done", matched=2, done=2, unchanged_no_body=0, **counts)

    async def replay_status(*_: object, **__: object) -> ReplayStatus:
        return done

    monkeypatch.setattr("receiver.cli.replay.replay_status", replay_status)
    ran = failed.run("replay", "--reason", "unpriced", "--wait", "--yes", "--json")
    assert ran.code == code
    assert {name: ran.json[name] for name in counts} == counts


MISSPELT = {
    "a source": (["--source", "zendes"], "no source 'zendes'; did you mean zendesk?"),
    "a source unlike any": (
        ["--source", "salesforce"],
        "no source 'salesforce'; there are zendesk",
    ),
    "a rule": (["--rule", "sloved"], "no rule 'sloved'; did you mean solved?"),
    "a reason": (["--reason", "unprized"], "reason is 'unprized'; did you mean unpriced?"),
    "a state": (["--state", "fialed"], "state is 'fialed'; did you mean failed?"),
}


@pytest.mark.parametrize(("given", "expected"), MISSPELT.values(), ids=MISSPELT.keys())
@pytest.mark.parametrize("command", ["replay", "discard", "deliveries", "failures"])
def test_a_misspelt_name_is_an_error_and_not_an_empty_list(
    failed: Installation, command: str, given: list[str], expected: str
) -> None:
    if command == "failures" and given[0] == "--state":
        return
    more = ["--note", "why"] if command in ("replay", "discard") else []
    ran = failed.run(command, *given, *more)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err
    assert _states(failed)["failed"] == 2


def test_names_that_only_the_records_know_are_good(failed: Installation) -> None:
    async def leave_behind(rows: Rows) -> None:
        left = {"id": "d9", "dedupe_key": "d9", "source": "gone", "rule": "gone-too"}
        await rows.failure("unpriced", "no price", **left)

    failed.fill(leave_behind)
    for given in (["--source", "gone"], ["--rule", "gone-too"]):
        ran = failed.run("deliveries", *given, "--json")
        assert ran.code == 0
        assert len(ran.json) == 1


def test_names_that_only_the_mappings_know_are_good(installed: Installation) -> None:
    for given in (["--source", "zendesk"], ["--rule", "solved"], ["--reason", "shadow"]):
        assert installed.run("deliveries", *given).code == 0


def test_a_replay_is_followed_by_its_id(failed: Installation) -> None:
    begun = failed.run("replay", "--reason", "parse", "--json").json
    ran = failed.run("replay", "--follow", begun["id"], "--json")
    assert (ran.code, ran.json["id"], ran.json["state"]) == (0, begun["id"], "done")


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(["--follow", "no-such"], 1, "there is no replay 'no-such'", id="unknown"),
        pytest.param(["--follow", "r", "--source", "zendesk"], 2, "takes nothing but", id="filter"),
        pytest.param(["d1", "--follow", "r"], 2, "takes nothing but", id="ids"),
    ],
)
def test_what_cannot_be_followed_is_refused(
    failed: Installation, arguments: list[str], code: int, expected: str
) -> None:
    ran = failed.run("replay", *arguments)
    assert ran.code == code
    assert expected in ran.err
