"""`init` makes a folder in which every command finds what it needs; an empty one leads to it."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest
from typer.main import get_command

from receiver.cli import init as command, new as starting
from receiver.cli.app import app
from tests.receiver.cli.conftest import Installation

#: What each command that needs arguments is called with.
ARGUMENTS = {
    "discard": ["--reason", "mapping", "--note", "n"],
    "example": ["d"],
    "pair": ["s"],
    "purge": ["--customer", "c"],
    "reinstate": ["e", "--note", "n"],
    "replay": ["--reason", "mapping"],
    "reverse": ["e", "--note", "n"],
    "send": ["s", "f"],
    "show": ["d"],
    "trigger": ["s", "r"],
    "try": ["s", "f"],
    "verify": ["s", "--request", "f"],
}
#: These make what they need, need nothing, or go on until a signal ends them.
ELSEWHERE = {"init", "migrate", "new", "schema", "schemes", "timezone"}


@pytest.fixture
def empty(bare: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """A directory with nothing in it, and no settings."""
    for name in [name for name in os.environ if name.startswith("RECEIVER_")]:
        monkeypatch.delenv(name)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    return bare


def test_the_folder_has_all_that_is_needed_and_checks(empty: Installation) -> None:
    ran = empty.run("init", "own", "--with", "zendesk,close", "--with", "stripe")
    assert (ran.code, ran.err) == (0, "")
    own = Path("own")
    files = {path.relative_to(own).as_posix() for path in own.rglob("*") if path.is_file()}
    assert files > {
        ".env",
        ".gitignore",
        "README.md",
        "mappings/agents.yaml",
        "mappings/agents.schema.json",
        "mappings/close.yaml",
        "mappings/examples/close-won.json",
        "mappings/mapping.schema.json",
        "mappings/stripe.yaml",
        "mappings/tables/stripe-customers.yaml",
        "mappings/zendesk.yaml",
    }
    assert "mappings/hubspot.yaml" not in files
    assert stat.S_IMODE((own / ".env").stat().st_mode) == 0o600
    assert {"/.env", "/var/"} <= set((own / ".gitignore").read_text().splitlines())
    assert len((own / "README.md").read_text().splitlines()) == 10
    os.chdir(own)
    said = empty.run("check").out
    assert re.fullmatch(r"3 sources, \d+ rules, all examples as expected\n", said)
    assert {one["mode"] for one in empty.run("sources", "--json").json} == {"shadow"}


def test_without_a_choice_it_has_those_that_can_be_tried_at_once(empty: Installation) -> None:
    ran = empty.run("init", "own", "--json")
    assert ran.json["sources"] == ["approvals", "github", "hubspot", "zendesk"]
    assert "own/.env" in ran.json["written"]


def test_the_folder_may_be_the_one_that_the_command_is_in(empty: Installation) -> None:
    ran = empty.run("init", ".", "--with", "zendesk")
    assert (ran.code, empty.run("check").code) == (0, 0)
    assert "cd " not in ran.out
    assert "cd 'of my own'" in empty.run("init", "of my own", "--with", "").out


def test_on_a_terminal_it_asks(empty: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "can_ask", lambda: True)
    ran = empty.run("init", "own", given="zendesk, linear\n")
    assert "Which of them" in ran.err
    assert "sources, all in shadow: zendesk, linear" in ran.out


def test_nothing_that_is_there_is_overwritten_and_it_is_named(empty: Installation) -> None:
    mine = Path("own/mappings/zendesk.yaml")
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    Path("own/.env").symlink_to("/nowhere/to/be/found")
    ran = empty.run("init", "own")
    assert ran.code == 1
    assert "exist already: own/.env, own/mappings/zendesk.yaml" in ran.err
    assert mine.read_text() == "mine"
    assert [path.name for path in Path("own/mappings").iterdir()] == ["zendesk.yaml"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["own", "--with", "zendsk"], "no ready-made mapping 'zendsk'; did you mean zendesk?"),
        (["own", "--with", "salesforce"], "did you mean salesforce-"),
        (["file"], "file is a file; name a folder"),
    ],
)
def test_what_cannot_be_made_is_refused(
    empty: Installation, arguments: list[str], expected: str
) -> None:
    Path("file").write_text("")
    ran = empty.run("init", *arguments)
    assert ran.code == 2
    assert expected in ran.err
    assert [path.name for path in Path().iterdir()] == ["file"]


@pytest.mark.parametrize("name", sorted(get_command(app).commands.keys() - ELSEWHERE))  # type: ignore[attr-defined]  # typer's own group
def test_in_an_empty_directory_each_command_leads_to_init(empty: Installation, name: str) -> None:
    ran = empty.run(name, *ARGUMENTS.get(name, []))
    assert ran.code in (1, 2), ran.out
    assert "receiver init DIR" in ran.err + ran.out
    assert list(Path().iterdir()) == []


def test_help_begins_with_init(empty: Installation) -> None:
    assert "receiver init DIR" in empty.run("--help").out


def test_new_copies_a_ready_made_mapping_with_all_that_belongs_to_it(empty: Installation) -> None:
    assert empty.run("init", "own", "--with", "zendesk").code == 0
    os.chdir("own")
    ran = empty.run("new", "desk-two", "--from", "close")
    assert ran.code == 0
    assert "secret to set here: DESK_TWO_SECRET" in ran.out
    assert "prices were added to mappings/agents.yaml" in ran.err
    assert "source: desk-two" in Path("mappings/desk-two.yaml").read_text()
    assert Path("mappings/tables/close-leads.yaml").exists()
    again = empty.run("new", "desk-three", "--from", "close")
    assert "kept as it is: mappings/tables/close-leads.yaml" in again.err
    assert empty.run("check").code == 0


def test_new_from_an_entry_works_where_there_is_nothing_yet(empty: Installation) -> None:
    ran = empty.run("new", "stripe", "--from", "stripe", "--json")
    assert ran.code == 0
    assert "mappings/agents.yaml" in ran.json["written"]
    assert empty.run("check").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (
            ["desk", "--from", "clos"],
            2,
            "there is no ready-made mapping 'clos'; did you mean close",
        ),
        (["desk", "--from", "close", "--scheme", "hmac"], 2, "leave out --scheme"),
        (["zendesk", "--from", "close"], 1, "source zendesk is in zendesk.yaml already"),
        (["taken", "--from", "close"], 1, "taken.yaml exists already; nothing is overwritten"),
    ],
)
def test_new_from_an_entry_overwrites_and_guesses_nothing(
    bare: Installation, arguments: list[str], code: int, expected: str
) -> None:
    (bare.mappings / "taken.yaml").write_text("# mine\n")
    before = {path: path.read_text() for path in bare.mappings.iterdir()}
    ran = bare.run("new", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
    assert {path: path.read_text() for path in bare.mappings.iterdir()} == before


def test_prices_that_no_line_can_add_are_shown(bare: Installation) -> None:
    agents = (
        "agents: {support-agent: {indicators: {ticket-resolved: {price: '1', currency: USD}}}}\n"
    )
    (bare.mappings / "agents.yaml").write_text(agents)
    ran = bare.run("new", "close", "--from", "close")
    assert 'deal-won: {price: "450.00", currency: USD}' in ran.err
    assert (bare.mappings / "agents.yaml").read_text() == agents
    assert "to fix: close.yaml:" in ran.err


def test_new_asks_on_a_terminal_whose_outcome_it_is(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bare.mappings / "agents.yaml").write_text(AGENTS)
    monkeypatch.setattr(starting, "can_ask", lambda: True)
    ran = bare.run("new", "desk", "--scheme", "hmac", given="3\n")
    assert "Whose outcome is it?" in ran.err
    assert "    agent: z-agent\n    indicator: c\n" in (bare.mappings / "desk.yaml").read_text()


AGENTS = """\
agents:
  b-agent: {indicators: {b: {price: "1", currency: USD}}}
  support-agent: {indicators: {ticket-resolved: {price: "1", currency: USD}}}
  z-agent: {indicators: {c: {price: "1", currency: USD}, d: {percent: "1", currency: USD}}}
"""


@pytest.mark.parametrize(
    ("arguments", "written"),
    [
        (["desk", "--scheme", "hmac"], "    agent: ${{ event.agent }}\n"),
        (["desk", "--scheme", "zendesk"], "    agent: support-agent\n"),
        (["desk", "--scheme", "hmac", "--agent", "z-agent"], "    agent: z-agent\n"),
        (["desk", "--scheme", "hmac", "--indicator", "b"], "    agent: b-agent\n"),
    ],
)
def test_new_takes_no_agent_for_being_the_first_of_the_alphabet(
    bare: Installation, arguments: list[str], written: str
) -> None:
    (bare.mappings / "agents.yaml").write_text(AGENTS)
    (bare.mappings / "zendesk.yaml").unlink()
    assert bare.run("new", *arguments).code == 0
    assert written in (bare.mappings / "desk.yaml").read_text()
    assert bare.run("check", "--offline").code == 0
    assert bare.run("new", "other", "--scheme", "hmac", "--agent", "unknown").code == 2
