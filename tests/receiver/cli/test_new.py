"""`new` writes a file that checks, for any scheme, and overwrites nothing."""

from __future__ import annotations

import pytest

from tests.receiver.cli.conftest import Installation


@pytest.mark.parametrize("scheme", ["hmac", "github", "standard-webhooks"])
def test_the_written_file_passes_check(bare: Installation, scheme: str) -> None:
    ran = bare.run("new", "desk", "--scheme", scheme)
    assert ran.code == 0
    assert "to fix" not in ran.err
    assert "URL to enter at the vendor: http://127.0.0.1:8080/webhooks/desk" in ran.out
    assert "DESK_SECRET" in ran.out
    checked = bare.run("check", "--offline")
    assert checked.code == 0, checked.out
    text = (bare.mappings / "desk.yaml").read_text()
    assert "\nmode: shadow\n" in text
    assert f"\n  scheme: {scheme}\n" in text


def test_the_scheme_is_the_sources_name_where_it_is_one(bare: Installation) -> None:
    assert bare.run("new", "github").code == 0
    assert "scheme: github\n" in (bare.mappings / "github.yaml").read_text()


def test_a_ready_made_mapping_is_pointed_to(bare: Installation) -> None:
    said = bare.run("new", "money", "--scheme", "stripe").err
    assert "remove" in said
    assert "money.yaml and run `receiver new money --from stripe`" in said
    assert "--from zendesk`" in bare.run("new", "desk-two", "--scheme", "zendesk").err
    assert bare.run("new", "own", "--scheme", "hmac").err == ""


def test_it_uses_an_agent_and_indicator_that_have_a_price(bare: Installation) -> None:
    bare.run("new", "github")
    text = (bare.mappings / "github.yaml").read_text()
    assert "agent: support-agent\n" in text
    assert "indicator: ticket-resolved\n" in text


def test_what_the_first_lines_name_for_editors_is_there(bare: Installation) -> None:
    bare.run("new", "github")
    first = (bare.mappings / "github.yaml").read_text().partition("\n")[0]
    assert (bare.mappings / first.partition("$schema=./")[2]).is_file()


def test_an_empty_folder_gets_a_catalogue_too(bare: Installation) -> None:
    for path in bare.mappings.iterdir():
        path.unlink()
    ran = bare.run("new", "github", "--json")
    assert [path.rpartition("/")[2] for path in ran.json["written"]] == [
        "agents.yaml",
        "github.yaml",
        "mapping.schema.json",
        "agents.schema.json",
    ]
    assert bare.run("check", "--offline").code == 0


def test_a_catalogue_without_a_fixed_price_is_left_and_told_what_to_add(bare: Installation) -> None:
    (bare.mappings / "zendesk.yaml").unlink()
    agents = bare.mappings / "agents.yaml"
    agents.write_text("agents:\n  a: {indicators: {b: {percent: '2', currency: USD}}}\n")
    ran = bare.run("new", "github")
    assert ran.code == 0
    assert "to fix: github.yaml:" in ran.err
    assert "example-agent" in ran.err
    assert "example-agent" not in agents.read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "expected"),
    [
        (["zendesk"], 1, "source zendesk is in zendesk.yaml already"),
        (["taken", "--scheme", "github"], 1, "taken.yaml exists already; nothing is overwritten"),
        (["Desk", "--scheme", "github"], 2, "is not a valid source name"),
        (["../desk", "--scheme", "github"], 2, "is not a valid source name"),
        (["agents", "--scheme", "github"], 2, "agents.yaml is no mapping file"),
        (["desk", "--scheme", "githb"], 2, "there is no scheme 'githb'; did you mean github"),
        (["desk"], 2, "say how it signs with --scheme"),
    ],
)
def test_nothing_is_overwritten_or_guessed(
    bare: Installation, arguments: list[str], code: int, expected: str
) -> None:
    (bare.mappings / "taken.yaml").write_text("# mine\n")
    before = {path: path.read_text() for path in bare.mappings.iterdir()}
    ran = bare.run("new", *arguments)
    assert (ran.code, ran.out) == (code, "")
    assert expected in ran.err
    assert {path: path.read_text() for path in bare.mappings.iterdir()} == before
