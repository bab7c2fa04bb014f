"""`receiver events`: the ledger as a table, JSON, JSON lines and CSV."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from receiver.terminal.output import Output
from tests.receiver.cli.conftest import Installation
from tests.support.rows import START, Rows
from tests.support.terminal import be_terminal, unstyled


async def three(rows: Rows) -> None:
    await rows.charge(customer_id="globex")
    charge = await rows.charge()
    await rows.reversal(charge)


@pytest.fixture
def filled(installed: Installation) -> Installation:
    installed.fill(three)
    return installed


def test_events_print_the_objects_of_the_api(filled: Installation) -> None:
    ran = filled.run("events", "--json")
    assert [one["id"] for one in ran.json] == ["b3", "b2", "b1"]
    assert ran.json[0]["reverses"] == "b2"
    assert [one["id"] for one in filled.run("events", "--limit", "2", "--json").json] == [
        "b3",
        "b2",
    ]


def test_filters_are_options(filled: Installation) -> None:
    ran = filled.run(
        "events", "--customer", "acme", "--kind", "charge", "--rule", "solved", "--json"
    )
    assert [one["id"] for one in ran.json] == ["b2"]
    key = '["zendesk","solved","1"]'
    assert [one["id"] for one in filled.run("events", "--outcome-key", key, "--json").json] == [
        "b1"
    ]


@pytest.mark.parametrize(
    ("option", "what"), [("--outcome-key", "outcome key"), ("--delivery", "delivery")]
)
def test_an_id_that_nothing_has_is_refused(filled: Installation, option: str, what: str) -> None:
    ran = filled.run("events", option, "1")
    assert (ran.code, ran.out) == (2, "")
    assert f"there is no {what} '1'; look for it with `receiver show 1`" in ran.err


def test_json_lines_and_csv_are_all_that_fits(filled: Installation) -> None:
    lines = filled.run("events", "--jsonl").out.splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["b3", "b2", "b1"]
    found = csv.DictReader(io.StringIO(filled.run("events", "--csv").out), strict=True)
    assert [(one["id"], one["amount"]) for one in found] == [
        ("b3", "-0.99"),
        ("b2", "0.99"),
        ("b1", "0.99"),
    ]


async def one_more(rows: Rows) -> None:
    """What was filled in is known by its numbers: these come behind."""
    rows.skip(9)
    await rows.charge(START + timedelta(days=1))


def cursor_in(err: str) -> str:
    """The cursor that an export ends with."""
    return err.rpartition("--after ")[2].strip()


def test_an_export_goes_on_where_it_ended(filled: Installation) -> None:
    first = filled.run("events", "--after", "", "--limit", "2", "--csv")
    assert [line.split(",")[0] for line in first.out.splitlines()] == ["id", "b1", "b2"]
    rest = filled.run("events", "--after", cursor_in(first.err), "--jsonl")
    assert [json.loads(line)["id"] for line in rest.out.splitlines()] == ["b3"]
    none = filled.run("events", "--after", cursor_in(rest.err), "--json").json
    assert none["items"] == []
    filled.fill(one_more)
    later = filled.run("events", "--after", none["next"], "--json").json
    assert [one["id"] for one in later["items"]] == ["b10"]
    assert later.keys() == {"items", "next", "complete_until"}
    assert "b10" in filled.run("events", "--after", none["next"]).out


def test_an_unknown_cursor_is_refused(filled: Installation) -> None:
    ran = filled.run("events", "--after", "nonsense")
    assert ran.code == 2
    assert "cursor is unknown" in ran.err


def test_two_forms_at_once_are_misuse(filled: Installation) -> None:
    ran = filled.run("events", "--csv", "--json")
    assert (ran.code, ran.out) == (2, "")
    assert "choose one of --json and --csv" in ran.err


def test_a_misspelt_customer_is_refused_with_the_nearest(filled: Installation) -> None:
    ran = filled.run("events", "--customer", "globx", "--csv")
    assert (ran.code, ran.out) == (2, "")
    assert "did you mean globex?" in ran.err


def test_a_table_that_a_terminal_has_no_room_for_is_paragraphs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    be_terminal(monkeypatch, 80)
    out = Output()
    columns = ("=id", "kind", ">amount", "customer")
    row = ("01a208ed-a5a6-772c-b247-2d34e8371928", "charge", "-0.99 USD", "a-customer-" * 4)
    out.table(columns, [row, ("b2", "charge", None, "acme")])
    lines = capsys.readouterr().out.splitlines()
    assert [unstyled(line).rstrip() for line in lines] == [
        "01a208ed-a5a6-772c-b247-2d34e8371928",
        "  kind charge  amount -0.99 USD",
        "  customer " + "a-customer-" * 4,
        "b2",
        "  kind charge  customer acme",
    ]
    out.table(("=id", "customer"), [("b2", "acme")])
    assert unstyled(capsys.readouterr().out).splitlines()[0].split() == ["id", "customer"]
