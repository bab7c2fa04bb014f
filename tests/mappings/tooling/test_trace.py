"""The trace: why a delivery bills what it bills."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mappings.engine.reasons import Reason
from mappings.engine.tooling.trace import TracedRule, TracedValue, trace
from tests.mappings.kit import MAPPING, SOLVED, delivery, good, rule


def traced(mapping: str, payload: Any) -> TracedRule:
    """The first rule on the first event."""
    return trace(good(mapping), delivery(payload)).events[0].rules[0]


def traced_when(when: str, payload: Any, **changes: str) -> TracedValue:
    return traced(rule(when=when, **changes), payload).when


def test_a_trace_ends_in_what_map_gives() -> None:
    mappings = good(MAPPING.replace("outcomes:", "events: payload\noutcomes:", 1))
    batch = delivery([SOLVED, {"type": "x"}, {**SOLVED, "company": 9}, {}])
    found = trace(mappings, batch)
    steps = [step for event in found.events for step in event.rules]
    mapped = mappings.map(batch)
    assert tuple(step.outcome for step in steps if step.outcome) == mapped.outcomes
    assert tuple(step.failure for step in steps if step.failure) == mapped.failures
    assert len(found.events) == mapped.events


def test_every_rule_says_whether_it_matched() -> None:
    event = trace(good(), delivery(SOLVED)).events[0]
    assert [(step.rule, step.matched) for step in event.rules] == [
        ("solved", True),
        ("reopened", False),
    ]


def test_a_rule_that_cannot_be_decided_did_neither() -> None:
    step = traced(MAPPING, {})
    assert step.matched is None
    assert step.failure is not None


def test_a_condition_shows_the_value_of_each_operand() -> None:
    when = traced_when('event.a == "x" && (event.n > 3 || event.nope)', {"a": "y", "n": 5})
    assert (when.sign, when.value) == ("&&", False)
    left, right = when.parts
    assert (left.text, left.value) == ('event.a == "x"', False)
    assert [part.value for part in left.parts] == ["y", "x"]
    assert (right.sign, right.value) == ("||", True)
    assert [part.value for part in right.parts] == [True, None]
    assert right.parts[1].error == 'there is no member "nope"'


def test_let_names_show_their_values_and_errors() -> None:
    mapping = rule(let="let: {a: event.x, b: event.nope}\n")
    lets = trace(good(mapping), delivery({"id": 1, "x": {"y": 2}})).events[0].lets
    assert [(let.name, let.text, let.value) for let in lets] == [
        ("a", "event.x", {"y": 2}),
        ("b", "event.nope", None),
    ]
    assert lets[1].error == 'there is no member "nope"'


def test_a_matching_rule_shows_its_fields() -> None:
    fields = {field.name: field for field in traced(MAPPING, SOLVED).fields}
    assert fields["agent"].value == "bot"
    assert fields["customer"].value == "acme"
    assert fields["customer"].text == '${{ lookup("companies", id(event.company)) }}'
    assert fields["once_per"].value == "7"
    assert fields["occurred_at"].value == "2026-03-01T11:00:00+00:00"


def test_a_field_that_fails_shows_why_beside_the_others() -> None:
    step = traced(MAPPING, {**SOLVED, "company": 9})
    fields = {field.name: field for field in step.fields}
    assert fields["customer"].error == 'the table "companies" has no key "9"'
    assert fields["once_per"].value == "7"
    assert step.failure is not None
    assert step.failure.reason is Reason.UNMAPPED


@pytest.mark.parametrize(
    ("when", "payload"),
    [
        ('event.v == "8001"', {"v": 8001}),
        ("event.v == 8001", {"v": "8001"}),
        ("event.v != 8001", {"v": "8001"}),
        ('event.v == "true"', {"v": True}),
        ("event.v in [8001, 8002]", {"v": "8001"}),
        ("event.v in event.l", {"v": "8001", "l": [8001]}),
        ("event.a == event.b", {"a": [1], "b": 1}),
        ('true && (false || !(event.v == "8001"))', {"v": 8001}),
        ('event.l.exists(i, i.v == "8001")', {"l": [{"v": 8001}]}),
        ('event.l.all(i, i.ok && i.v != "8001")', {"l": [{"v": 8001, "ok": True}]}),
        ('event.l.filter(i, i == "8001") != []', {"l": [8001]}),
        ("event.l.exists(i, i in [8001])", {"l": ["8001"]}),
    ],
)
def test_comparisons_across_types_are_flagged(when: str, payload: Any) -> None:
    warnings = traced_when(when, payload).warnings()
    assert len(warnings) == 1
    assert "never equal" in warnings[0]


@pytest.mark.parametrize(
    ("when", "payload"),
    [
        ('event.v == "8001"', {"v": "8001"}),
        ('event.v == "8001"', {}),
        ("event.v == 8001", {"v": 8001.0}),
        ("event.l[0] == null", {"l": ["x"]}),
        ("event.v in ['a', 1]", {"v": 1}),
        ("event.v in event.l", {"v": 1, "l": []}),
        ("event.v in event.m", {"v": "a", "m": {"a": 1}}),
        ("event.l.exists(i, i.v == 1)", {"l": [{"v": 1}, {"v": 2}]}),
        ("event.l.exists(i, i.v == 1)", {"l": [{}]}),
    ],
)
def test_comparisons_of_like_with_like_are_not(when: str, payload: Any) -> None:
    assert traced_when(when, payload).warnings() == ()


def test_a_delivery_that_cannot_be_read_says_why() -> None:
    found = trace(good(), delivery(b"{"))
    assert found.events == ()
    assert [failure.reason for failure in found.failures] == [Reason.PARSE]


def test_a_trace_is_plain_json() -> None:
    mapping = rule(
        let="let: {a: received_at, b: \"b'x'\", c: \"duration('1s')\", d: type(1), e: event.?x}\n",
        indicator="saved",
        value="${{ event.v }}",
    )
    found = trace(good(mapping), delivery({"id": 1, "v": "10.50"})).as_json()
    assert json.loads(json.dumps(found)) == found
    event = found["events"][0]
    assert event["lets"][0]["value"] == "2026-03-01T12:00:00+00:00"
    assert event["rules"][0]["outcome"]["value"] == "10.50"
    assert event["rules"][0]["outcome"]["kind"] == "charge"
