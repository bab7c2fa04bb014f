"""`reverse`, with and without `--rebill`."""

import json
import shutil
from typing import Any

import pytest

from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows


async def _charges(rows: Rows) -> None:
    """b1 and b2 for tickets 1 and 2 of acme, each with its delivery."""
    for ticket in (1, 2):
        body = json.dumps({"state": "solved", "customer": "acme", "ticket": ticket}).encode()
        await rows.charge(delivery_id=await rows.delivery(body=body))


@pytest.fixture
def billed(installed: Installation) -> Installation:
    """Two charges at 0.99, the price of now being 1.50."""
    installed.fill(_charges)
    agents = installed.mappings / "agents.yaml"
    agents.write_text(agents.read_text().replace("0.99", "1.50"))
    installed.take_up()
    return installed


@pytest.fixture
def at_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("receiver.cli.common.consent.can_ask", lambda: True)
    monkeypatch.setattr("receiver.cli.reverse.can_ask", lambda: True)


def _total(installed: Installation) -> Any:
    (found,) = installed.run("revenue", "--json").json
    return found["amount"]


@pytest.mark.parametrize("more", [[], ["--rebill"]], ids=["reverse", "rebill"])
def test_without_a_terminal_it_changes_nothing_but_with_yes(
    billed: Installation, more: list[str]
) -> None:
    ran = billed.run("reverse", "d1", "--note", "test data", *more)
    assert (ran.code, ran.out) == (2, "")
    assert "--yes is missing" in ran.err
    assert _total(billed) == "1.98"


def test_without_a_terminal_it_counts_and_reverses(billed: Installation) -> None:
    ran = billed.run("reverse", "d1", "--note", "test data", "--yes")
    assert ran.code == 0
    assert "1 open charge to reverse: 0.99 USD" in ran.err
    assert "1 charge reversed" in ran.out
    assert "-0.99 USD" in ran.out
    assert _total(billed) == "0.99"


def test_again_it_is_unchanged(billed: Installation) -> None:
    billed.run("reverse", "b1", "--note", "test data", "--yes")
    ran = billed.run("reverse", "b1", "--note", "test data", "--yes")
    assert ran.code == 0
    assert "0 charges reversed, 1 unchanged (taken back already)" in ran.out


def test_as_json_it_prints_one_object(billed: Installation) -> None:
    ran = billed.run(
        "reverse", "--customer", "acme", "--limit", "1", "--note", "why", "--yes", "--json"
    )
    found = ran.json
    assert {name: found[name] for name in ("reversed", "rebilled", "unchanged", "refused")} == {
        "reversed": 1,
        "rebilled": 0,
        "unchanged": 0,
        "refused": 0,
    }
    assert found["amounts"] == [{"currency": "USD", "amount": "-0.99"}]
    assert found["changes"][0]["billing_event"] == "b1"
    assert found["id"]


def test_a_dry_run_needs_no_note_and_changes_nothing(billed: Installation) -> None:
    ran = billed.run("reverse", "--source", "zendesk", "--rebill", "--dry-run")
    assert ran.code == 0
    assert "2 charges would be rebilled" in ran.out
    assert "1.02 USD" in ran.out
    assert "0.99 USD for support-agent / acme / ticket-resolved, now 1.50 USD" in ran.out
    assert _total(billed) == "1.98"


def test_a_rebill_bills_the_price_of_now(billed: Installation) -> None:
    ran = billed.run("reverse", "d1", "d2", "--rebill", "--note", "a wrong price", "--yes")
    assert ran.code == 0
    assert "2 open charges to rebill: 1.98 USD" in ran.err
    assert _total(billed) == "3.00"
    shown = billed.run("show", "d1")
    assert "charged, replaced" in shown.out
    assert "charged by hand" in shown.out
    assert "rebill by hand" in shown.out
    assert "a wrong price" in shown.out


def test_what_is_refused_is_named_and_ends_in_one(billed: Installation) -> None:
    billed.edit("payload.ticket", "payload.ticket + 100")
    billed.take_up()
    ran = billed.run("reverse", "d1", "--rebill", "--note", "why", "--yes")
    assert ran.code == 1
    assert "refused: b1 of delivery d1: the mapping gives no charge of the key" in ran.out
    assert "1 charge was refused" in ran.err
    ran = billed.run("reverse", "d1", "--rebill", "--note", "why", "--yes", "--json")
    assert ran.code == 1
    assert ran.json["refusals"][0]["billing_event"] == "b1"


@pytest.mark.usefixtures("at_terminal")
@pytest.mark.parametrize(
    ("arguments", "asks"),
    [([], "Reverse 2?"), (["--rebill"], "Rebill 2?")],
    ids=["reverse", "rebill"],
)
def test_at_a_terminal_a_no_changes_nothing(
    billed: Installation, arguments: list[str], asks: str
) -> None:
    ran = billed.run("reverse", "--source", "zendesk", "--note", "why", *arguments, given="n\n")
    assert ran.code == 1
    assert f"{asks} [y/N]" in ran.err
    assert "nothing was re" in ran.err
    assert _total(billed) == "1.98"


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_a_rebill_shows_the_money_before_it_asks(billed: Installation) -> None:
    ran = billed.run("reverse", "d1", "--rebill", "--note", "why", given="y\n")
    assert "1 would change (0.51 USD), 0 would not, 0 would be refused" in ran.err
    assert _total(billed) == "2.49"


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_yes_asks_nothing(billed: Installation) -> None:
    ran = billed.run("reverse", "d1", "--note", "why", "--yes")
    assert ran.code == 0
    assert "[y/N]" not in ran.err


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(["d1"], 2, "--note is missing", id="no-note"),
        pytest.param(["d1", "--note", " "], 2, "--note is missing", id="blank-note"),
        pytest.param(["--note", "why"], 2, "name what to reverse", id="nothing"),
        pytest.param(["--dry-run"], 2, "name what to reverse", id="nothing-dry"),
        pytest.param(["d1", "d9", "--note", "why"], 1, "outcome key 'd9'", id="unknown"),
        pytest.param(["--customer", "", "--note", "why"], 2, "customer is empty", id="empty"),
        pytest.param(["--since", "soon", "--note", "why"], 2, "since is 'soon'", id="no-time"),
    ],
)
def test_what_cannot_be_done_is_refused(
    billed: Installation, arguments: list[str], code: int, expected: str
) -> None:
    ran = billed.run("reverse", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
    assert _total(billed) == "1.98"


def test_what_fits_nothing_changes_nothing(billed: Installation) -> None:
    ran = billed.run("reverse", "--since", "2999-01-01", "--note", "why")
    assert ran.code == 0
    assert "0 open charges to reverse" in ran.err
    assert "no charge that matches is open" in ran.err
    assert "0 charges reversed" in ran.out


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param(
            ["--source", "zendes"], "no source 'zendes'; did you mean zendesk?", id="source"
        ),
        pytest.param(["--rule", "sloved"], "no rule 'sloved'; did you mean solved?", id="rule"),
        pytest.param(["--agent", "suport-agent"], "did you mean support-agent?", id="agent"),
        pytest.param(
            ["--customer", "acmee"],
            "nothing was billed for customer 'acmee'; did you mean acme?",
            id="customer",
        ),
        pytest.param(["--indicator", "x"], "'x'; there are ticket-resolved", id="indicator"),
    ],
)
def test_a_misspelt_name_is_an_error_and_not_nothing_to_reverse(
    billed: Installation, given: list[str], expected: str
) -> None:
    for more in (["--dry-run"], ["--note", "why"], ["--note", "why", "--rebill"]):
        ran = billed.run("reverse", *given, *more)
        assert (ran.code, ran.out) == (2, "")
        assert expected in ran.err


def test_a_replay_of_what_is_recorded_says_what_differs_alone(billed: Installation) -> None:
    ran = billed.run("replay", "d1", "--state", "recorded", "--dry-run")
    said = "differs: d1 solved: billed amount 0.99, currency USD, now it would be amount 1.50"
    assert f"  {said}, currency USD" in ran.out.splitlines()


def _elsewhere(billed: Installation, monkeypatch: pytest.MonkeyPatch, *, cheaper: bool) -> None:
    """A shell in another folder, which has mappings of its own, or none."""
    folder = billed.root / "elsewhere"
    folder.mkdir()
    monkeypatch.delenv("RECEIVER_MAPPINGS")
    monkeypatch.chdir(folder)
    if cheaper:
        shutil.copytree(billed.mappings, folder / "mappings")
        agents = folder / "mappings" / "agents.yaml"
        agents.write_text(agents.read_text().replace("1.50", "0.01"))


def test_a_rebill_maps_as_the_running_service_does_wherever_the_shell_is(
    billed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _elsewhere(billed, monkeypatch, cheaper=False)
    assert billed.run("reverse", "d1", "--rebill", "--note", "why", "--yes").code == 0
    assert _total(billed) == "2.49"


def test_a_rebill_in_a_folder_with_other_mappings_is_refused(
    billed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    _elsewhere(billed, monkeypatch, cheaper=True)
    for more in (["--dry-run"], ["--note", "why", "--yes"]):
        ran = billed.run("reverse", "d1", "--rebill", *more)
        assert (ran.code, ran.out) == (2, "")
        assert "the mappings at mappings are not those that the running service has" in ran.err
    assert billed.run("reverse", "d1", "--note", "why", "--yes").code == 0


def test_an_edit_that_the_service_has_not_taken_up_is_billed_by_no_one(
    billed: Installation,
) -> None:
    agents = billed.mappings / "agents.yaml"
    agents.write_text(agents.read_text().replace("1.50", "990.00"))
    ran = billed.run("reverse", "d1", "--rebill", "--dry-run")
    assert ran.code == 2
    assert "wait until it has taken them up" in ran.err
    billed.take_up()
    assert billed.run("reverse", "d1", "--rebill", "--dry-run").code == 0


def test_a_rebill_in_another_zone_than_the_services_is_refused(
    billed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_TIMEZONE", "Asia/Tokyo")
    ran = billed.run("reverse", "d1", "--rebill", "--dry-run")
    assert (ran.code, ran.out) == (2, "")
    assert "RECEIVER_TIMEZONE is Asia/Tokyo here and UTC in the running service" in ran.err


def test_a_rebill_where_no_service_has_run_is_refused(installed: Installation) -> None:
    installed.fill(_charges)
    ran = installed.run("reverse", "d1", "--rebill", "--note", "why", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert "no service has run on this database yet" in ran.err


def test_from_says_what_to_bill_instead(billed: Installation) -> None:
    ran = billed.run("reverse", "b1", "--from", "d2", "--note", "why", "--yes")
    assert (ran.code, ran.out) == (2, "")
    assert "add --rebill" in ran.err
    ran = billed.run("reverse", "b1", "--rebill", "--from", "d9", "--dry-run")
    assert ran.code == 2
    assert "from names no delivery: 'd9'" in ran.err
    ran = billed.run("reverse", "b1", "--rebill", "--from", "d2", "--dry-run")
    assert ran.code == 1
    assert "the mapping gives no charge of the key" in ran.out
    ran = billed.run("reverse", "b1", "--rebill", "--from", "d1", "--note", "why", "--yes")
    assert ran.code == 0
    assert _total(billed) == "2.49"


def test_what_was_reversed_is_reinstated_by_whatever_names_it(billed: Installation) -> None:
    taken = billed.run("reverse", "d1", "--note", "a mistake", "--yes", "--json").json
    assert _total(billed) == "0.99"
    would = billed.run("reinstate", "d1", "--dry-run")
    assert (would.code, _total(billed)) == (0, "0.99")
    assert "1 charge would be reinstated" in would.out
    assert "taken back, now 0.99 USD for support-agent / acme / ticket-resolved" in would.out
    ran = billed.run("reinstate", taken["id"], "--note", "no mistake", "--yes", "--json")
    assert (ran.code, ran.json["reinstated"], ran.json["amounts"]) == (
        0,
        1,
        [{"currency": "USD", "amount": "0.99"}],
    )
    assert _total(billed) == "1.98"
    again = billed.run("reinstate", "b1", "--note", "no mistake", "--yes")
    assert again.code == 0
    assert "0 charges reinstated, 1 unchanged (billed already)" in again.out
    shown = billed.run("show", "d1")
    assert "no mistake" in shown.out
    acted = billed.run("actions", "--json").json
    assert [one["kind"] for one in acted] == ["reinstate", "reverse"]


def test_a_reversal_is_not_reversed_and_told_what_brings_its_charge_back(
    billed: Installation,
) -> None:
    billed.run("reverse", "b1", "--note", "a mistake", "--yes")
    line = next(
        one["id"] for one in billed.run("events", "--json").json if one["kind"] == "reversal"
    )
    ran = billed.run("reverse", line, "--note", "why", "--yes")
    assert (ran.code, ran.out) == (1, "")
    assert f"`receiver reinstate {line}`" in ran.err
    rebilled = billed.run("reverse", "b1", "--rebill", "--note", "why", "--yes")
    assert rebilled.code == 1
    assert "bring it back with `receiver reinstate b1`, then rebill it" in rebilled.out
    assert billed.run("reinstate", line, "--note", "why", "--yes").code == 0
    assert billed.run("reverse", "b1", "--rebill", "--note", "why", "--yes").code == 0
    assert _total(billed) == "2.49"


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        pytest.param(["d1"], 2, "--note is missing", id="no-note"),
        pytest.param(["d1", "--note", "why"], 2, "--yes is missing", id="no-yes"),
        pytest.param(["d9", "--note", "why", "--yes"], 1, "reversal by hand 'd9'", id="unknown"),
        pytest.param(["--note", "why", "--yes"], 2, "Missing argument", id="nothing"),
    ],
)
def test_what_cannot_be_reinstated_is_refused(
    billed: Installation, arguments: list[str], code: int, expected: str
) -> None:
    billed.run("reverse", "d1", "--note", "a mistake", "--yes")
    ran = billed.run("reinstate", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
    assert _total(billed) == "0.99"


@pytest.mark.usefixtures("at_terminal")
def test_at_a_terminal_a_no_reinstates_nothing(billed: Installation) -> None:
    billed.run("reverse", "d1", "--note", "a mistake", "--yes")
    ran = billed.run("reinstate", "d1", "--note", "why", given="n\n")
    assert ran.code == 1
    assert "1 charge to reinstate: 0.99 USD" in ran.err
    assert "Reinstate 1? [y/N]" in ran.err
    assert _total(billed) == "0.99"
