"""The points are read off the code, and each has a test: a new step without one fails here."""

from __future__ import annotations

import ast
import os
import signal
from collections import defaultdict
from pathlib import Path

import pytest

from tests.crashes import scenario
from tests.crashes.__main__ import SECTION, text
from tests.crashes.doomed import Doom, Plan
from tests.crashes.points import MOMENTS, ROOT, site, sites, sites_in
from tests.crashes.scenario import scenarios

#: What may begin or commit a transaction without `Database.write`: what that is made of.
OWN_TRANSACTIONS = {"jobs/storage/database.py"}


def test_every_point_of_the_code_has_a_crash_test_and_no_other_is_tested() -> None:
    points = {(str(found), moment) for found in sites() for moment in MOMENTS[found.kind]}
    tested = {(f"{one.kind} in {one.place}", m) for one in scenarios() for m in one.moments}
    missing = sorted(f"{moment} {name}" for name, moment in points - tested)
    vanished = sorted(f"{moment} {name}" for name, moment in tested - points)
    assert not missing, f"no crash test kills a process at {missing}. {scenario.__doc__}"
    assert not vanished, f"crash tests name points that the code does not have: {vanished}"


def test_nothing_is_committed_past_the_points() -> None:
    past = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for package in ("jobs", "receiver", "mappings")
        for path in sorted((ROOT / package).rglob("*.py"))
        if path.relative_to(ROOT).as_posix() not in OWN_TRANSACTIONS
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in {"begin", "begin_nested", "commit"}
        if not _is_intake_commit(path, node)
    ]
    assert past == [], "a transaction that writes is opened by `async with database.write()`"


def _is_intake_commit(path: Path, node: ast.Attribute) -> bool:
    """`Intake.commit`, which is ours and opens its transaction as all do."""
    return path.name == "group_commit.py" and ast.unparse(node) == "self._intake.commit"


def test_names_of_scenarios_are_their_own() -> None:
    names = [one.name for one in scenarios()]
    assert len(names) == len(set(names))


def test_the_page_has_the_table_of_crash_points() -> None:
    assert SECTION.text == text(), "write it again: python -m tests.crashes --write"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param(
            "async def f():\n    async with database.write() as c:\n        pass",
            ["commit in m:f"],
            id="function",
        ),
        pytest.param(
            "class A:\n    async def f(self):\n        async with x(), self._database.write():\n"
            "            pass",
            ["commit in m:A.f"],
            id="method",
        ),
        pytest.param(
            "async def f():\n    async with d.write(): pass\n    async with d.write(): pass",
            ["commit in m:f#1", "commit in m:f#2"],
            id="two in one function",
        ),
        pytest.param(
            "async def f(): await _g()\nasync def h(): await _g()\n"
            "async def _g():\n    async with d.write(): pass",
            ["commit in m:f", "commit in m:h"],
            id="on behalf of others",
        ),
        pytest.param(
            "async def f(): await _g()\nasync def _g(): await _h()\n"
            "async def _h():\n    async with d.write(): pass",
            ["commit in m:f"],
            id="on behalf of one behind another",
        ),
        pytest.param(
            "async def _g():\n    async with d.write(): pass",
            ["commit in m:_g"],
            id="private and called from elsewhere",
        ),
        pytest.param(
            "def f():\n    async def g():\n        async with d.write(): pass",
            ["commit in m:f.<locals>.g"],
            id="inner function",
        ),
        pytest.param(
            "async def f(self):\n    await self._redis.enqueue_job(JOB, ids)",
            ["enqueue in m:f"],
            id="ring",
        ),
        pytest.param(
            "class A:\n    def f(self):\n        Worker([func(cast(T, self._run), name=N)])",
            ["job in m:A._run"],
            id="job",
        ),
        pytest.param("file.write(data)\nposting.write(d, connection)", [], id="other writes"),
    ],
)
def test_sites_are_found(source: str, found: list[str]) -> None:
    assert [str(one) for one in sites_in("m", source)] == found


def test_answers_are_sites_in_the_endpoint_only() -> None:
    source = "async def f(call):\n    await respond(call, answer)\n    await call.send({})"
    assert [str(one) for one in sites_in("receiver.web.endpoint", source)] == [
        "answer in receiver.web.endpoint:f#1",
        "answer in receiver.web.endpoint:f#2",
    ]
    assert sites_in("receiver.other", source) == []


def test_a_site_that_the_code_does_not_have_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"jobs\.intake\.commit:Intake\.nothing"):
        site("commit", "jobs.intake.commit:Intake.nothing")


def test_a_process_dies_at_the_passing_that_was_planned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    killed: dict[int, list[int]] = defaultdict(list)
    monkeypatch.setattr(os, "kill", lambda pid, number: killed[pid].append(number))
    marker = tmp_path / "marker"
    plan = Plan(
        kind="commit",
        place="jobs.replays.replay:discard",
        moment="after",
        marker=str(marker),
        passing=2,
    )
    doom = Doom(plan)
    for moment in ("before", "after", "before"):
        doom.reach(moment)
    assert killed == {}
    with pytest.raises(AssertionError):
        doom.reach("after")
    assert killed == {os.getpid(): [signal.SIGKILL]}
    assert marker.read_text() == "after commit in jobs.replays.replay:discard\n"
