"""The commands that show what came, what became of it, and what was billed."""

import json
import os
from datetime import UTC, datetime, timedelta

import pytest

from jobs.heartbeat import Heartbeat
from tests.receiver.cli.conftest import Installation
from tests.support.rows import Rows


async def _some(rows: Rows) -> None:
    """A recorded delivery that billed, an ignored one, and two failures of one cause."""
    await rows.accepted(4)
    await rows.charge()
    await rows.delivery("ignored", reason="no-outcome")
    for key in ("17", "18"):
        await rows.failure("unmapped", f'no key "{key}"', rule="solved", held_back=1)


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(_some)
    return installed


def test_status_prints_the_balance_and_names_a_missing_worker(filled: Installation) -> None:
    ran = filled.run("status")
    assert ran.code == 0
    assert "in balance" in ran.out
    assert "no worker is alive" in ran.err


def test_status_as_json_is_the_object_of_the_api(filled: Installation) -> None:
    ran = filled.run("status", "--json")
    assert ran.json == {
        "accepted": 4,
        "received": 0,
        "recorded": 1,
        "ignored": 1,
        "failed": 2,
        "discarded": 0,
        "oldest_received_age_seconds": None,
        "processes": [],
    }


def test_status_lists_the_processes(filled: Installation) -> None:
    async def beat(rows: Rows) -> None:
        await Heartbeat(rows.database, role="work", detail=lambda: {"mappings": "5b0c"}).beat()

    filled.fill(beat)
    (one,) = filled.run("status", "--json").json["processes"]
    assert one.keys() == {"kind", "host", "pid", "since", "last_seen", "mapping_version"}
    assert (one["kind"], one["pid"], one["mapping_version"]) == ("work", os.getpid(), "5b0c")
    assert one["since"] <= one["last_seen"]
    assert "5b0c" in filled.run("status").out


def test_status_exits_1_when_something_acknowledged_is_missing(installed: Installation) -> None:
    installed.fill(lambda rows: rows.accepted(3))
    ran = installed.run("status", "--json")
    assert ran.code == 1
    assert ran.json["accepted"] == 3
    assert "out of balance: 3 accepted, 0 accounted for" in ran.err


def test_deliveries_are_counted_and_listed_newest_first(filled: Installation) -> None:
    ran = filled.run("deliveries")
    assert ran.out.startswith("4 deliveries\n")
    lines = [line.split()[0] for line in ran.out.splitlines() if line.startswith("d")]
    assert lines == ["d4", "d3", "d2", "d1"]
    assert 'unmapped: no key "18"' in ran.out
    assert ran.out.endswith("billed by these: 0.99 USD\n")
    (recorded,) = [line for line in ran.out.splitlines() if line.startswith("d1 ")]
    assert " 0.99 USD " in recorded
    assert "billed in the last 24 hours: nothing" in filled.run("status").out


def test_totals_are_one_figure_for_each_currency(installed: Installation) -> None:
    async def fill(rows: Rows) -> None:
        charge = await rows.charge()
        await rows.reversal(charge)
        await rows.charge(micros=400_000_000, currency="EUR")

    installed.fill(fill)
    assert "3 billing events: 400.00 EUR, 0.00 USD\n" in installed.run("events").out
    assert "in all: 400.00 EUR, 0.00 USD\n" in installed.run("revenue", "--by", "agent").out


def test_a_limit_goes_over_as_many_pages_as_it_takes(installed: Installation) -> None:
    async def many(rows: Rows) -> None:
        for _ in range(4):
            await rows.delivery()

    installed.fill(many)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("receiver.cli.common.filters.MAX_LIMIT", 2)
        ran = installed.run("deliveries", "--limit", "3", "--json")
    assert [item["id"] for item in ran.json] == ["d4", "d3", "d2"]
    assert installed.run("deliveries", "--limit", "3").out.startswith("4 deliveries, the newest 3")


def test_filters_are_those_of_the_api(filled: Installation) -> None:
    ran = filled.run("deliveries", "d1", "d4", "--state", "failed", "--json")
    assert [item["id"] for item in ran.json] == ["d4"]


def test_show_gives_all_evidence(filled: Installation) -> None:
    ran = filled.run("show", "d1")
    assert ran.code == 0
    for part in ("recorded", "content-type: application/json", '{"ticket": 1}', "0.99 USD", "b1"):
        assert part in ran.out
    as_json = filled.run("show", "d1", "--json").json
    assert [event["id"] for event in as_json["billing_events"]] == ["b1"]


def test_show_of_an_unknown_id_exits_1_and_says_what_was_looked_for(filled: Installation) -> None:
    ran = filled.run("show", "d9")
    assert (ran.code, ran.out) == (1, "")
    assert "nothing has the id 'd9'; looked for deliveries and their vendors' ids" in ran.err


def test_text_from_outside_cannot_steer_the_terminal(installed: Installation) -> None:
    body = "\x1b[2J\u202eevil\x9b".encode()
    installed.fill(lambda rows: rows.delivery(body=body, headers={"x": "\x1b]0;owned\x07"}))
    out = installed.run("show", "d1").out
    assert "\\x1b[2J\\u202eevil\\x9b" in out
    assert not any(char in out for char in "\x1b\u202e\x9b\x07")
    ran = installed.run("show", "d1", "--json")
    assert not any(char in ran.out for char in "\x1b\u202e\x9b\x07")
    assert ran.json["body"] == body.decode()


def test_failures_come_by_cause_with_the_command_to_paste(filled: Installation) -> None:
    out = filled.run("failures").out
    assert "2 failed deliveries of 1 kind" in out
    assert 'no key "…"' in out
    assert "receiver replay --source zendesk --reason unmapped --rule solved" in out
    [group] = filled.run("failures", "--json").json
    assert (group["count"], group["outcomes_held_back"]) == (2, 2)


def test_revenue_sums_by_what_is_asked_for(filled: Installation) -> None:
    ran = filled.run("revenue", "--by", "month,customer", "--by", "agent", "--json")
    assert ran.json == [
        {
            "month": "2026-05",
            "customer": "acme",
            "agent": "support-agent",
            "currency": "USD",
            "charges": 1,
            "reversals": 0,
            "amount": "0.99",
        }
    ]
    assert "0.99" in filled.run("revenue", "--by", "day").out


def test_without_billing_events_revenue_says_so(installed: Installation) -> None:
    assert installed.run("revenue").out == "nothing billed yet\n"
    assert installed.run("revenue", "--json").json == []
    assert installed.run("revenue", "--since", "7d").out == "nothing billed fits\n"
    assert "nothing was billed for customer" in installed.run("revenue", "--customer", "acme").err


def test_rules_tell_which_never_matched(filled: Installation) -> None:
    filled.edit("  - name: solved\n", "  - name: closed\n")
    out = filled.run("rules").out
    assert "no longer in the mappings" in out
    assert "never matched in 2 deliveries" in out


def test_sources_tell_url_scheme_secrets_and_what_is_missing(
    filled: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_PUBLIC_URL", "https://hooks.example.com/")
    [source] = filled.run("sources", "--json").json
    assert source["url"] == "https://hooks.example.com/webhooks/zendesk"
    [secret] = source["secrets"]
    assert (secret["name"], secret["is_set"]) == ("ZENDESK_SECRET", True)
    assert (source["scheme"], source["deliveries"], source["missing"]) == ("zendesk", 4, [])
    monkeypatch.delenv("ZENDESK_SECRET")
    ran = filled.run("sources")
    assert "ZENDESK_SECRET not set" in ran.out
    assert "the secret ZENDESK_SECRET" in ran.out
    assert "a secret of the tests" not in ran.out


def test_a_source_that_signs_the_url_lacks_a_public_one(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare.edit("scheme: zendesk", "scheme: hubspot-v3")
    lacking = ["a public URL, which its vendor signs: RECEIVER_PUBLIC_URL"]
    assert bare.run("sources", "--json").json[0]["missing"] == lacking
    with monkeypatch.context() as behind:
        behind.setenv("RECEIVER_TRUSTED_PROXIES", "127.0.0.1")
        assert bare.run("sources", "--json").json[0]["missing"] == []
    monkeypatch.setenv("RECEIVER_PUBLIC_URL", "https://hooks.example.com")
    assert bare.run("sources", "--json").json[0]["missing"] == []


def test_sources_need_no_database_and_no_good_file(bare: Installation) -> None:
    (bare.mappings / "github.yaml").write_text("source: github\n")
    found = {one["source"]: one for one in bare.run("sources", "--json").json}
    assert found["zendesk"]["missing"] == []
    assert found["github"]["missing"] == ["a usable mapping file: `receiver check`"]


@pytest.mark.parametrize(
    "command", [["status"], ["deliveries"], ["show", "d1"], ["failures"], ["revenue"], ["rules"]]
)
def test_without_a_database_the_way_to_one_is_named(bare: Installation, command: list[str]) -> None:
    ran = bare.run(*command)
    assert (ran.code, ran.out) == (1, "")
    assert "receiver migrate" in ran.err
    assert not (bare.root / "receiver.db").exists()


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (["deliveries", "--state", "open"], "state is 'open'; choose from received"),
        (["deliveries", "--since", "yesterday"], "since is 'yesterday'; write a time such as"),
        (["revenue", "--by", "model"], "by names 'model'; choose from agent"),
        (["revenue", "--basis", "x"], "basis is 'x'; choose from occurred, recorded"),
        (["deliveries", "--limit", "0"], "greater than or equal to 1"),
        (["deliveries", "--nonsense"], "No such option"),
        (["nonsense"], "No such command"),
    ],
)
def test_misuse_exits_2_and_says_what_to_write(
    installed: Installation, command: list[str], expected: str
) -> None:
    ran = installed.run(*command)
    assert (ran.code, ran.out) == (2, "")
    assert expected in ran.err


def test_wrong_settings_exit_2_with_one_message(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVER_TIMEZONE", "Mars/Olympus")
    ran = installed.run("status")
    assert ran.code == 2
    assert "RECEIVER_TIMEZONE" in ran.err


def test_an_unreachable_database_exits_1_without_its_password(
    installed: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "postgresql+asyncpg://me:hush@127.0.0.1:1/none"
    monkeypatch.setenv("RECEIVER_DATABASE_URL", url)
    ran = installed.run("status")
    assert ran.code == 1
    assert "the database does not answer" in ran.err
    assert "hush" not in ran.err


def test_output_that_is_piped_has_no_colours_and_is_never_cut(installed: Installation) -> None:
    installed.fill(lambda rows: rows.failure("parse", "long " * 100))
    out = installed.run("deliveries").out
    assert "long " * 99 in out
    assert "\x1b" not in out


def test_the_schema_is_json(bare: Installation) -> None:
    assert json.loads(bare.run("schema").out)["title"] == "Mapping file"


def test_sources_say_which_silence_is_not_normal(installed: Installation) -> None:
    installed.edit("source: zendesk\n", "source: zendesk\nexpect_every: 2h\n")
    installed.fill(lambda rows: rows.delivery())
    ran = installed.run("sources")
    assert "expected every 2h" in ran.out
    assert "source zendesk is silent since 2026-05-01 12:00Z" in ran.out
    (item,) = installed.run("sources", "--json").json
    assert item["expect_every_seconds"] == 7200
    assert len(item["warnings"]) == 1


@pytest.mark.parametrize(
    ("option", "misspelt", "right"),
    [
        ("--customer", "acmme", "acme"),
        ("--agent", "suport-agent", "support-agent"),
        ("--indicator", "ticket-resolve", "ticket-resolved"),
        ("--source", "zendsk", "zendesk"),
        ("--rule", "solvd", "solved"),
        ("--currency", "UDS", "USD"),
    ],
)
def test_revenue_of_a_misspelt_name_is_refused_with_the_nearest(
    installed: Installation, option: str, misspelt: str, right: str
) -> None:
    installed.fill(lambda rows: rows.charge())
    ran = installed.run("revenue", option, misspelt, "--json")
    assert (ran.code, ran.out) == (2, "")
    assert f"did you mean {right}?" in ran.err
    (item,) = installed.run("revenue", option, right, "--json").json
    assert item["amount"] == "0.99"


def test_a_time_may_be_a_span_before_now(installed: Installation) -> None:
    async def fill(rows: Rows) -> None:
        await rows.charge(datetime.now(UTC) - timedelta(days=3))

    installed.fill(fill)
    assert len(installed.run("revenue", "--since", "7d", "--json").json) == 1
    assert installed.run("revenue", "--since", "36h", "--json").json == []
    assert installed.run("revenue", "--since", "7x", "--json").code == 2
