"""Wrong mapping files: each fault is reported at its place, with what to write instead.

A case marks the place of its fault with ⟦: the mark is taken out before the file is loaded.
"""

from __future__ import annotations

from typing import Any

import pytest

from mappings.engine.loading.load import load
from mappings.engine.types import FileProblem
from tests.mappings.kit import FakeSchemes, files_of, rule, rules
from tests.mappings.rules.wrong_files import heads, keys, values
from tests.mappings.rules.wrong_files.case import MARK, ONE, Wrong

CASES = {**heads.CASES, **keys.CASES, **values.CASES}


def problems_of(text: str, others: dict[str, str] | None = None) -> tuple[FileProblem, ...]:
    files = files_of(text, **(others or {}))
    return load(files, timezone="UTC", schemes=FakeSchemes()).problems


def place_of_mark(text: str) -> tuple[int, int]:
    before = text[: text.index(MARK)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


@pytest.mark.parametrize("wrong", CASES.values(), ids=CASES.keys())
def test_a_wrong_file_is_reported_where_it_is_with_a_remedy(wrong: Wrong) -> None:
    line, column = place_of_mark(wrong.text)
    found = problems_of(wrong.text.replace(MARK, ""), wrong.others)
    at_mark = [p for p in found if (p.file, p.line, p.column) == ("desk.yaml", line, column)]
    shown = "\n".join(map(str, found))
    assert any(wrong.message in p.message and wrong.remedy in p.remedy for p in at_mark), shown
    assert len(found) == 1 or not wrong.alone, shown


def test_at_least_sixty_wrong_files_are_tried() -> None:
    assert len(CASES) >= 60


def begins_with_name(text: str) -> bool:
    """Whether a sentence begins with the name of a file or function, which stays as it is."""
    return text.startswith(("agents.yaml", "id()", "lookup()", "minor()", "trim()"))


def test_every_message_and_remedy_is_a_sentence() -> None:
    for wrong in CASES.values():
        for problem in problems_of(wrong.text.replace(MARK, ""), wrong.others):
            for text in (problem.message, problem.remedy):
                assert text[:1] in "`\"'" or text[:1].isupper() or begins_with_name(text), text
                assert text.endswith((".", "?", "`")), text


def _at(problem: FileProblem) -> Any:
    return (problem.file, problem.line, problem.column)


def test_all_faults_of_all_files_are_told_at_once() -> None:
    first = rule(when="event.a = 1", customer="${{ nope }}", once_per="x")
    second = rule(agent="robot").replace("source: desk", "source: other")
    found = load(files_of(first, second), timezone="UTC", schemes=FakeSchemes()).problems
    assert {(p.file, p.line) for p in found} == {
        ("desk.yaml", 5),
        ("desk.yaml", 7),
        ("desk.yaml", 9),
        ("desk2.yaml", 6),
    }


def test_a_rule_of_the_wrong_shape_does_not_hide_faults_of_others() -> None:
    text = rules(ONE.replace("agent: bot", "agnt: bot") + ONE.replace("event.id", "evnt.id"))
    messages = [p.message for p in problems_of(text)]
    assert any("`agnt` is not known" in message for message in messages)
    assert any("no variable `evnt`" in message for message in messages)


def test_a_broken_let_does_not_blame_the_rules_that_use_it() -> None:
    text = rule(let="let: {who: nope.x}\n", customer="${{ who.name }}")
    assert [_at(p) for p in problems_of(text)] == [("desk.yaml", 3, 12)]


def test_two_faults_of_one_expression_are_both_listed() -> None:
    text = rule(when="nope == 1 && neither == 2")
    assert [p.column for p in problems_of(text)] == [11, 24]


@pytest.mark.parametrize("when", ["event.a ? event.b : event.c", '"a" in event.b', "{'a': 1}.a"])
def test_a_file_that_cannot_be_read_to_its_end_is_not_blamed_for_what_was_not_read(
    when: str,
) -> None:
    assert [p.line for p in problems_of(rule(when=when))] == [5]
