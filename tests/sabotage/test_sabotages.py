"""Sabotages stay true to the code, and a test that does not notice one is found out."""

from __future__ import annotations

import ast
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.crashes.scenario import scenarios
from tests.sabotage import __main__ as command
from tests.sabotage.__main__ import SECTION, failing_unbroken, main, page_text, unnoticed
from tests.sabotage.bench import DidNotRun, bare
from tests.sabotage.sabotages import SABOTAGES, Sabotage
from tests.support.markdown import ROOT

HARMLESS = Sabotage(
    name="say-it-otherwise",
    why="nothing is broken",
    file="jobs/__init__.py",
    old="ANSWER = 42",
    new="ANSWER = 40 + 2",
    tests=("tests/test_answer.py::test_answer",),
)


def of_a_crash(test: str) -> bool:
    return "/crashes/" in test


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_a_sabotage_fits_the_code_as_it_is(sabotage: Sabotage) -> None:
    text = (ROOT / sabotage.file).read_text("utf-8")
    assert text.count(sabotage.old) == 1, f"what stands now in {sabotage.file}?"
    assert sabotage.old != sabotage.new
    ast.parse(text.replace(sabotage.old, sabotage.new))


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
def test_the_tests_that_are_to_notice_it_exist(sabotage: Sabotage) -> None:
    assert sabotage.tests
    for test in sabotage.tests:
        path, _, name = bare(test).partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        names = {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
        names |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert name in names, test


def test_the_crash_tests_that_are_to_notice_one_exist() -> None:
    points = {
        f"sqlite-{moment}-{one.place}-{one.name}" for one in scenarios() for moment in one.moments
    }
    named = {t.partition("[")[2][:-1] for s in SABOTAGES for t in s.tests if of_a_crash(t)}
    assert named - points == set()


def test_names_are_their_own_and_on_the_page() -> None:
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES)
    assert SECTION.text == page_text(), "write it again: python -m tests.sabotage --write"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree like ours, with one constant and one test of it."""
    for package in ("jobs", "mappings", "receiver"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "jobs" / "__init__.py").write_text("ANSWER = 42\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_answer.py").write_text(
        "import subprocess, sys, jobs\n\n\ndef test_answer() -> None:\n"
        "    said = [sys.executable, '-c', 'import jobs; print(jobs.ANSWER)']\n"
        "    assert subprocess.check_output(said, cwd='/', env={}) == b'42\\n'\n"
    )
    return tmp_path


def test_a_sabotage_is_noticed_also_in_a_process_of_its_own_and_a_harmless_one_is_not(
    tree: Path,
) -> None:
    broken = replace(HARMLESS, old="42", new="41")
    assert unnoticed(broken, root=tree) == []
    assert unnoticed(HARMLESS, root=tree) == list(HARMLESS.tests)
    assert (tree / "jobs" / "__init__.py").read_text() == "ANSWER = 42\n"


def test_what_fails_anyway_or_is_not_there_tells_nothing(tree: Path) -> None:
    (tree / "jobs" / "__init__.py").write_text("ANSWER = 43\n")
    assert failing_unbroken([HARMLESS], root=tree) == list(HARMLESS.tests)
    with pytest.raises(ValueError, match="stands 0 times"):
        unnoticed(HARMLESS, root=tree)


@pytest.mark.parametrize(
    ("failing", "slept", "code", "expected"),
    [
        pytest.param([], [], 0, "1 of 1 sabotages were caught", id="noticed"),
        pytest.param([], ["a test"], 1, "did not notice: a test", id="survives"),
        pytest.param(["a test"], [], 1, "so nothing can be concluded", id="fails anyway"),
        pytest.param([], None, 1, "BROKEN    skip-the-sweeper: no tests ran", id="did not run"),
    ],
)
def test_one_that_survives_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    failing: list[str],
    slept: list[str] | None,
    code: int,
    expected: str,
) -> None:
    def unnoticed_or_not(*_: object, **__: object) -> list[str]:
        if slept is None:
            raise DidNotRun("no tests ran")
        return slept

    monkeypatch.setattr(command, "failing_unbroken", lambda *_, **__: failing)
    monkeypatch.setattr(command, "unnoticed", unnoticed_or_not)
    monkeypatch.setattr(sys, "argv", ["sabotage", "skip-the-sweeper"])
    assert main() == code
    assert expected in capsys.readouterr().out


def test_an_unknown_name_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sabotage", "no-such"])
    assert main() == 2
    assert "drop-the-unique-constraint" in capsys.readouterr().out
