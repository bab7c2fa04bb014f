"""Suggestions: for a slip of the keyboard, and for nothing else."""

from __future__ import annotations

import ast

import pytest

from mappings.engine.common.suggest import completed, hint, nearest
from tests.mappings.kit import AGENTS, MAPPING, loaded
from tests.support.markdown import ROOT

NAMES = ["support-agent", "sales-agent", "coding-agent"]


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("suport-agent", NAMES, "support-agent"),
        ("support_agent", NAMES, "support-agent"),
        ("Support Agent", NAMES, "support-agent"),
        ("zendks", ["zendesk", "zoom"], "zendesk"),
        ("lets", ["let", "mode"], "let"),
        ("onceper", ["once_per"], "once_per"),
        ("UDS", ["USD", "EUR"], "USD"),
        ("fialed", ["failed", "ignored"], "failed"),
        # Other names:
        ("helpdesk-agent", NAMES, None),
        ("test", ["live", "shadow"], None),
        ("examples/zendesk-solved.json", ["examples/zendesk-closed.json"], None),
        ("examples/a.json", ["examples/b.json", "examples/c.json"], None),
        ("agent-1", ["agent-2"], None),
        ("acme2", ["acme3"], None),
        ("unapproved", ["approved"], None),
        ("opened", ["reopened"], None),
        ("ticket-opened", ["ticket-reopened"], None),
        ("deal-won", ["deal-lost"], None),
        ("paid", ["unpaid", "void"], None),
        ("a", ["b"], None),
        ("", NAMES, None),
        ("solved", [], None),
    ],
)
def test_the_nearest_name_is_one_that_was_plainly_meant(
    word: str, known: list[str], meant: str | None
) -> None:
    assert nearest(word, known) == meant


def test_of_two_that_are_equally_near_neither_is_suggested() -> None:
    assert nearest("agent-c", ["agent-a", "agent-b"]) is None


def test_a_name_that_is_begun_is_completed_where_the_whole_is_typed_by_hand() -> None:
    assert completed("hubspot", ["hubspot-v1", "zoom", "hubspot-v3"])[1] == "hubspot-v3"
    assert completed("zom", ["hubspot-v1", "zoom"]) == ["zoom"]
    assert completed("?", ["zoom"]) == []


def test_a_hint_names_the_nearest_or_what_there_is() -> None:
    assert hint("zendsk", ["zendesk", "zoom"]) == "did you mean zendesk?"
    assert hint("jira", ["zoom", "zendesk"]) == "there are zoom, zendesk"
    assert hint("x", [f"source-{number}" for number in range(12)]).endswith("and 2 more")
    assert hint("x", []) == "there are none yet"


def test_every_suggestion_is_made_here() -> None:
    for package in ("mappings", "jobs", "receiver"):
        for path in (ROOT / package).rglob("*.py"):
            imported = {
                name.name
                for node in ast.walk(ast.parse(path.read_text()))
                if isinstance(node, ast.Import)
                for name in node.names
            }
            assert "difflib" not in imported, path


@pytest.mark.parametrize("mode", ["test", "dry-run", "off", "Live", "liv", "false", "1"])
def test_a_mode_that_is_none_is_never_answered_with_live(mode: str) -> None:
    text = MAPPING.replace("outcomes:", f"mode: {mode}\noutcomes:", 1)
    (problem,) = loaded(text).problems
    assert problem.remedy == "Write `shadow`."


def test_a_choice_of_which_none_is_harmless_is_listed_unless_one_is_near() -> None:
    text = MAPPING.replace("indicator: solved", "indicator: solved\n    amount: AMOUNT", 1)
    (far,) = loaded(text.replace("AMOUNT", "best")).problems
    (near,) = loaded(text.replace("AMOUNT", "lates")).problems
    assert far.remedy == "Write one of: `first`, `latest`."
    assert near.remedy == "Write `latest`."


def test_a_missing_payload_is_not_answered_with_another() -> None:
    text = f"{MAPPING}examples:\n  - {{payload: examples/desksolved.json, outcomes: []}}\n"
    (problem,) = loaded(text, examples__deskclosed_json="{}").problems
    assert "closed" not in problem.remedy
    assert "receiver example DELIVERY" in problem.remedy
    (problem,) = loaded(text, examples__desksolvd_json="{}").problems
    assert problem.remedy.startswith("Write examples/desksolvd.json, if that is meant, or put")


def test_an_unknown_agent_is_added_and_not_taken_for_another() -> None:
    other = AGENTS.replace("  bot:", "  boss:")
    (problem,) = loaded(agents_yaml=other).problems
    assert problem.remedy.startswith("Add under agents: `bot: {indicators: {solved: {price:")
    slip = AGENTS.replace("  bot:", "  bott:")
    (problem,) = loaded(agents_yaml=slip).problems
    assert problem.remedy.startswith("Write `bott` in the rule, or add under agents: `bot:")
