"""The events of a delivery, `when` and `let`: what is evaluated for which event, and what fails."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.engine.reasons import Reason
from mappings.engine.tooling.trace import trace
from mappings.engine.types import Mapped
from tests.mappings.kit import (
    delivery,
    good,
    mapped,
    only_failure,
    only_outcome,
    rule,
)


@pytest.mark.parametrize(
    ("events", "payload", "count"),
    [
        ("[payload]", {"id": 1}, 1),
        ("payload", [{"id": 1}, {"id": 2}], 2),
        ("payload.items", {"items": [{"id": 1}, {"id": 2}]}, 2),
        ("payload . items.all", {"items": {"all": [{"id": 1}]}}, 1),
        ('payload.items.filter(i, i.k == "x")', {"items": [{"id": 1, "k": "x"}, {"k": 1}]}, 1),
        ("payload.?items.orValue([])", {}, 0),
        ("json(payload.text)", {"text": '[{"id": 1}]'}, 1),
        ("payload", [], 0),
    ],
    ids=[
        "each post",
        "a list",
        "inside",
        "deeper",
        "filtered",
        "absent",
        "in a text",
        "an empty list",
    ],
)
def test_events_are_the_list_that_events_makes(events: str, payload: Any, count: int) -> None:
    text = rule().replace("outcomes:", f"events: '{events}'\noutcomes:", 1)
    found = mapped(text, payload)
    assert (found.events, len(found.outcomes), found.failures) == (count, count, ())


@pytest.mark.parametrize(
    ("events", "payload", "said"),
    [
        ("payload", {"id": 1}, "does not give a list"),
        ("payload.items", {}, 'no member "items"'),
        ("payload.map(p, [p])[0][0].x", [{"x": "y"}], "does not give a list"),
        ("payload", [1] * 10_001, "10001 events, more than 10000"),
    ],
    ids=["an object", "a missing member", "text", "too many"],
)
def test_events_that_are_no_list_fail_the_delivery(events: str, payload: Any, said: str) -> None:
    text = rule().replace("outcomes:", f"events: {events}\noutcomes:", 1)
    failure = only_failure(mapped(text, payload))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "events")
    assert failure.expression == events
    assert said in failure.detail


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 1_000_000, b'{"a":1,"a":2}', b"NaN", b'{"a":1e999}', b"2" * 30],
    ids=["empty", "cut", "no utf-8", "brackets", "twice", "nan", "huge", "beyond 64 bits"],
)
def test_a_body_that_cannot_be_read_fails_as_parse(body: bytes) -> None:
    failure = only_failure(good().map(delivery(body)))
    assert failure.reason is Reason.PARSE
    assert failure.detail.endswith(".")


def test_a_source_without_mapping_fails_and_does_not_raise() -> None:
    failure = only_failure(good().map(delivery({}, source="nowhere")))
    assert failure.reason is Reason.MAPPING
    assert "nowhere" in failure.detail
    assert trace(good(), delivery({}, source="nowhere")).failures == (failure,)


def test_an_error_in_when_names_rule_field_and_expression() -> None:
    failure = only_failure(mapped(rule(when="event.deep.er == 1"), {"id": 1}))
    assert failure.reason is Reason.MAPPING
    assert (failure.rule, failure.field) == ("solved", "when")
    assert failure.expression == "event.deep.er == 1"
    assert failure.event_index == 0
    assert failure.detail == (
        'Rule solved, when: there is no member "deep" in `event.deep.er == 1`; '
        'write .?deep.orValue("") or ask has(…) first.'
    )


@pytest.mark.parametrize(
    "when",
    [
        "false && event.nope == 1",
        "event.nope == 1 && false",
        "(event.nope == 1 || true) == false",
        "has(event.nope) && event.nope.x == 1",
        "event.?nope.?x.orValue(0) == 1",
        'false && lookup("companies", "none") == "x"',
    ],
    ids=["before", "after", "or", "has", "optional", "look-up"],
)
def test_an_error_that_does_not_matter_fails_nothing(when: str) -> None:
    assert mapped(rule(when=when), {"id": 1}) == Mapped(outcomes=(), failures=(), events=1)


def test_a_failed_look_up_in_when_that_matters_is_unmapped() -> None:
    failure = only_failure(mapped(rule(when='lookup("companies", "none") == "x"'), {"id": 1}))
    assert (failure.reason, failure.field) == (Reason.UNMAPPED, "when")


@pytest.mark.parametrize("value", [1, "true", [True], {"a": 1}, 0.5], ids=repr)
def test_a_when_that_is_not_true_or_false_fails(value: Any) -> None:
    failure = only_failure(mapped(rule(when="event.ok"), {"id": 1, "ok": value}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "when")
    assert "neither true nor false" in failure.detail


def test_null_members_count_as_absent() -> None:
    assert mapped(rule(when="has(event.x)"), {"id": 1, "x": None}).outcomes == ()


# let


LET = "let: {who: event.detail.who, twice: who + who}\n"


def test_let_names_are_used_in_rules_and_each_other() -> None:
    text = rule(let=LET, customer="${{ twice }}")
    outcome = only_outcome(mapped(text, {"id": 1, "detail": {"who": "x"}}))
    assert outcome.customer_id == "xx"


def test_a_let_that_errs_matters_only_where_it_is_used() -> None:
    text = rule(let=LET, when='event.t == "a" && twice == "x"')
    assert mapped(text, {"t": "b"}).failures == ()
    failure = only_failure(mapped(text, {"t": "a"}))
    assert 'no member "detail" in `let` who: event.detail.who' in failure.detail


def test_a_let_may_be_optional() -> None:
    text = rule(let="let: {who: event.?detail.?who}\n", customer='${{ who.orValue("unknown") }}')
    assert only_outcome(mapped(text, {"id": 1})).customer_id == "unknown"


def test_lets_that_double_each_other_stay_within_bounds() -> None:
    lines = ["  a0: event.x"] + [f"  a{n}: a{n - 1} + a{n - 1}" for n in range(1, 12)]
    text = rule(let="let:\n" + "\n".join(lines) + "\n", meta_tags='{a: "${{ a11.size() }}"}')
    assert only_outcome(mapped(text, {"id": 1, "x": "y"})).meta_tags == {"a": "2048"}
