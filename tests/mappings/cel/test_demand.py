"""What evaluating can take is known before, and what may take much is bounded by the system."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from mappings.engine.cel.demand import IN_PROCESS_BYTES, Demand, demand_of
from mappings.engine.cel.language import Language
from mappings.engine.common import confined
from mappings.engine.tooling.trace import TracedValue, trace
from mappings.engine.types import Mapped
from tests.mappings.kit import delivery, good, mapped, only_failure, rule
from tests.support.memory import MIB, needs_proc, taken_by

LANGUAGE = Language({})

#: Each builds a gigabyte or more of what fits into a body of less than 1 MiB.
GROWING: dict[str, tuple[str, dict[str, Any]]] = {
    "a list of a text": ('payload.a.split(",").map(x, x).size() > 1', {"a": "a," * 9_900}),
    "a list of characters": ('payload.a.split("").map(x, x).size() > 1', {"a": "a" * 9_900}),
    "a list kept": ('payload.a.filter(x, x != "b").size() > 1', {"a": ["a"] * 9_900}),
    "texts in a loop": (
        "payload.a.exists(x, (payload.b + x).size() == 0)",
        {"a": ["a"] * 9_000, "b": "b" * 500_000},
    ),
    "a text in a text": ('payload.a.replace("a", payload.a).size() > 1', {"a": "a" * 50_000}),
    "a loop in a loop": (
        "payload.a.map(x, payload.a.map(y, payload.b + y).size()).size() > 1",
        {"a": ["a"] * 99, "b": "b" * 500_000},
    ),
    "a list of a document": ("json(payload.a).map(x, x).size() > 1", {"a": str([1] * 9_900)}),
    "replacements one on another": (
        'payload.a.replace("a", "bbbbbbb").replace("b", "ccccccc").replace("c", "ddddddd") != ""',
        {"a": "a" * 900_000},
    ),
    "a list by way of a name": ("pieces.size() > 1", {"a": "a," * 9_900}),
}
NAMES = "let:\n  pieces: payload.a.split(',').map(x, x)\n"


def _rule(when: str) -> str:
    return rule(when=f"'{when}'", let=NAMES if "pieces" in when else None)


@pytest.mark.parametrize(
    ("expression", "demand"),
    [
        ("payload.a == 'x' && payload.b.size() > 1", Demand()),
        ("payload.a.exists(t, t == 'x')", Demand()),
        ("payload.a.exists(t, t.?b.orValue('') in ['x', 'y'])", Demand()),
        ("payload.a.exists_one(t, t.n + 1 == 2)", Demand()),
        ("payload.a.filter(t, t.b == 'x')", Demand(1)),
        ("payload.a.exists(t, t.trim() == 'x')", Demand(1, texts=True)),
        ("payload.a.exists(t, t in payload.b)", Demand(1, texts=True)),
        ("payload.a.map(t, payload.b.map(u, u))", Demand(2)),
        ("payload.a.split(',').map(t, t)", Demand(1, separators=frozenset({","}))),
        ("payload.a.split(payload.b).map(t, t)", Demand(1, separators=frozenset({""}))),
        ("payload.a.replace(' ', 'T') == 'x'", Demand()),
        ("payload.a.replace('&', '&amp;').replace('<', '&lt;')", Demand(growth=20)),
        ("payload.a.replace('ab', 'cde')", Demand(growth=2)),
        ("payload.a.replace('ab', '')", Demand()),
        ("payload.a.replace('', 'cde')", Demand(growth=4)),
        ("payload.a.replace(payload.b, 'cde')", Demand(growth=4)),
        ("payload.a.join(', ')", Demand(growth=3)),
        ("payload.a.filter(t, t.b == 'x')[0].c.trim()", Demand(1)),
        ("payload.a.replace(' ', payload.b)", Demand(1, texts=True, separators=frozenset({""}))),
        ("payload.a.join(payload.b)", Demand(1, texts=True, separators=frozenset({""}))),
    ],
)
def test_loops_that_build_are_told_from_those_that_only_look(
    expression: str, demand: Demand
) -> None:
    assert demand_of([LANGUAGE.compile(expression)]) == demand


def test_an_ordinary_payload_is_mapped_where_it_is() -> None:
    tags = {"tags": ["a-tag"] * 300, "text": "words " * 500}
    body = json.dumps(tags)
    assert Demand(1, texts=True).bytes_for(len(body), [tags]) < IN_PROCESS_BYTES
    assert Demand().bytes_for(10**9, [tags]) == 0


@needs_proc
@pytest.mark.parametrize(("when", "payload"), GROWING.values(), ids=GROWING)
def test_what_builds_too_much_fails_and_costs_the_worker_nothing(
    when: str, payload: dict[str, Any]
) -> None:
    found: list[Mapped] = []
    mappings = good(_rule(when))
    hostile = delivery({"id": "1", **payload})
    taken = taken_by(lambda: found.append(mappings.map(hostile)))
    failure = only_failure(found[0])
    assert failure.reason == "mapping"
    assert failure.rule == "solved"
    assert "Rule solved, when: it builds more than the 256 MiB" in failure.detail
    assert when in failure.detail
    assert ".exists(…)" in failure.detail
    assert taken < 32 * MIB


@needs_proc
def test_the_bounded_process_too_stays_within_its_bound() -> None:
    program = (
        "import resource\n"
        "from tests.mappings.cel.test_demand import GROWING, _rule\n"
        "from tests.mappings.kit import delivery, good\n"
        "when, payload = GROWING['a list of a text']\n"
        "assert good(_rule(when)).map(delivery(payload)).failures\n"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert int(shown.stdout) * 1024 < 512 * MIB


def test_what_takes_too_long_is_ended_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confined, "CPU_SECONDS", 1)
    when = 'payload.a.exists(x, x in payload.b && payload.b == ["never"])'
    found = good(rule(when=f"'{when}'")).map(
        delivery({"id": "1", "a": ["z"] * 9_900, "b": ["x"] * 60_000})
    )
    failure = only_failure(found)
    assert (failure.reason, failure.rule, failure.expression) == ("mapping", "solved", when)
    assert "more than 1 s of processor time" in failure.detail


def test_a_large_list_is_mapped_in_a_process_of_its_own_as_anywhere() -> None:
    """Of 3,000 items the filter builds 72 MB: more than a worker gives, less than the bound."""
    text = rule(when='payload.a.filter(x, x != "b").size() == 3000', value="${{ '2.50' }}")
    text = text.replace("indicator: solved", "indicator: saved")
    (outcome,) = mapped(text, payload={"id": "1", "a": ["a"] * 3_000}).outcomes
    assert (outcome.key, outcome.amount_micros, str(outcome.value)) == (
        '["desk","solved","1"]',
        62_500,
        "2.50",
    )


def test_one_expression_that_is_exhausted_is_not_evaluated_again() -> None:
    """Plain CEL is tried before our own functions: 20,000 steps, not twice as many."""
    evaluated: list[str] = []
    expression = LANGUAGE.compile('payload.a.exists(x, id(x) == "b")')
    assert expression.programs.native is not None
    activation = LANGUAGE.activation(
        payload={"a": ["a"] * 20_000},
        headers={},
        source="desk",
        variables={},
        received_at=delivery({}).received_at,
        note=evaluated.append,
    )
    counting = _Counting(expression.program)
    with pytest.raises(Exception, match="10,000 steps"):
        _with_program(expression, counting).evaluate(activation)
    assert counting.evaluations == 0
    assert evaluated == [expression.text]


def test_trying_is_bounded_too() -> None:
    when, payload = GROWING["a list of a text"]
    traced = trace(good(_rule(when)), delivery({"id": "1", **payload}))
    (failure,) = [one.failure for event in traced.events for one in event.rules if one.failure]
    assert "256 MiB" in failure.detail


def test_what_the_work_raises_is_raised_with_its_traceback() -> None:
    def broken(_: confined.Note) -> None:
        raise LookupError("of its own")

    with pytest.raises(confined.Broken, match="LookupError: of its own"):
        confined.run(broken, TypeAdapter(None))
    value = TracedValue(text="x", value={"a": [1, 2.5, None]}, parts=(TracedValue(text="y"),))
    assert confined.run(lambda _: value, TypeAdapter(TracedValue)) == value


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM])
def test_a_process_that_is_stopped_from_outside_took_nothing_too_much(number: int) -> None:
    """A supervisor ends a group of processes: the delivery is mapped again, and does not fail."""
    with pytest.raises(confined.Broken, match=f"ended by {signal.Signals(number).name}"):
        confined.run(lambda _: os.kill(os.getpid(), number), TypeAdapter(None))


def test_a_process_that_cannot_be_bounded_blames_no_mapping(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(confined, "_STATM", tmp_path / "no-proc-here")
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(confined.Broken, match="FileNotFoundError"):
        confined.run(lambda _: None, TypeAdapter(None))


class _Counting:
    def __init__(self, program: Any) -> None:
        self._program = program
        self.evaluations = 0

    def eval(self, values: Any) -> Any:
        self.evaluations += 1
        return self._program.eval(values)


def _with_program(expression: Any, program: Any) -> Any:
    return replace(expression, programs=replace(expression.programs, program=program))
