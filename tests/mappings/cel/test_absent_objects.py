"""What senders write for an object that is not there, and texts of errors in users' terms."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from mappings.engine.cel.language import Activation, EvalError, ExpressionError, Language
from mappings.engine.cel.lenient import Lenient
from mappings.engine.cel.runtime_errors import runtime_error
from mappings.engine.reasons import Reason
from tests.mappings.kit import mapped, only_failure, only_outcome, rule

LANGUAGE = Language({})
RECEIVED_AT = datetime(2026, 3, 1, tzinfo=UTC)
#: PHP's json_encode has an empty array for an empty object, and often false for an absent one.
ABSENT = {"an empty list": [], "false": False}
FILLED = {
    "a list": (["a"], "`event.m` is a list, not an object"),
    "text": ("x", "`event.m` is text, not an object"),
    "empty text": ("", "`event.m` is text, not an object"),
    "a number": (0, "`event.m` is a whole number, not an object"),
    "true": (True, "`event.m` is true or false, not an object"),
    "a fraction": (1.5, "`event.m` is a floating number, not an object"),
}


def activation_of(event: object) -> Activation:
    return LANGUAGE.activation(
        payload=event,
        headers={},
        source="shop",
        variables={"name": "agent"},
        received_at=RECEIVED_AT,
        event=event,
    )


def evaluate(expression: str, event: object, lets: dict[str, str] | None = None) -> Any:
    named, faults = LANGUAGE.lets(lets or {})
    assert not faults
    return LANGUAGE.compile(expression, named).evaluate(activation_of(event))


@pytest.mark.parametrize("value", ABSENT.values(), ids=ABSENT.keys())
@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ('event.?m.?agent.orValue("none")', "none"),
        ('event.m.?agent.orValue("none")', "none"),
        ('event.?m.?a.?b.?c.orValue("none")', "none"),
        ('event.?m[?"agent"].orValue("none")', "none"),
        ('event.m[?vars.name].orValue("none")', "none"),
        ('(event.?m).?agent.orValue("none")', "none"),
        ('event.?m.orValue({}).?agent.orValue("none")', "none"),
        ('payload["m"].?agent.orValue("none")', "none"),
        ("has(event.m.agent)", False),
        ("!has(event.m.agent) && event.n == 1", True),
        ('"agent" in event.m', False),
        ('event.?m.?agent.orValue("none") == "none" || lookup("none", "x") == "y"', True),
        ('[event].exists(item, item.?m.?agent.orValue("none") == "none")', True),
        ('[event, event].map(item, item.?m.?agent.orValue("none"))', ["none", "none"]),
        ('json(event.text).?m.?agent.orValue("none")', "none"),
        ('event.?m.?agent.orValue(event.tags == [] ? "no tags" : "tags")', "no tags"),
        ("event.?m.?items.orValue([]).size() + event.tags.size()", 0),
    ],
)
def test_what_stands_for_an_absent_object_has_no_members(
    value: object, expression: str, result: object
) -> None:
    event = {"m": value, "n": 1, "tags": [], "text": '{"m": []}'}
    assert evaluate(expression, event) == result


@pytest.mark.parametrize("value", ABSENT.values(), ids=ABSENT.keys())
@pytest.mark.parametrize("expression", ["event.m.agent", 'event.m["agent"]', "event.m[vars.name]"])
def test_a_member_that_has_to_be_there_fails_as_one_of_an_empty_object_does(
    value: object, expression: str
) -> None:
    with pytest.raises(EvalError) as of_object:
        evaluate(expression, {"m": {}})
    with pytest.raises(EvalError) as caught:
        evaluate(expression, {"m": value})
    assert (caught.value.message, caught.value.remedy) == (
        of_object.value.message,
        of_object.value.remedy,
    )


@pytest.mark.parametrize(("value", "message"), FILLED.values(), ids=FILLED.keys())
@pytest.mark.parametrize(
    "expression",
    [
        "event.m.agent",
        'event.?m.?agent.orValue("")',
        'event.m.?agent.orValue("")',
        'event[?"m"].?agent.orValue("")',
        "has(event.m.agent)",
        'event.m[?vars.name].orValue("")',
    ],
)
def test_what_is_no_object_fails_with_its_place_and_its_type(
    expression: str, value: object, message: str
) -> None:
    with pytest.raises(EvalError) as caught:
        evaluate(expression, {"m": value})
    assert message.replace("event.m", 'event["m"]' if '[?"m' in expression else "event.m") in str(
        caught.value
    )
    asked = re.search(r"type\(.*\) == map", caught.value.remedy)
    assert asked is not None
    assert evaluate(f"{asked[0]} && has(event.nothing.there)", {"m": value}) is False


def test_the_place_is_that_in_a_let() -> None:
    with pytest.raises(EvalError, match=r"`event.deal` is a list.* in `let` agent"):
        evaluate('agent == "a"', {"deal": [1]}, {"agent": 'event.?deal.?agent.orValue("")'})


def test_a_list_stays_a_list_where_no_member_is_asked_for() -> None:
    event: dict[str, object] = {"tags": [], "m": []}
    assert evaluate("event.tags == [] && event.tags + ['a'] == ['a']", event) is True
    assert evaluate("event.tags", event) == []
    with pytest.raises(EvalError, match="0 items and no item 0"):
        evaluate("event.tags[0]", event)


@pytest.mark.parametrize("step", [".?k{}", '[?"k{}"]', "[?string({})]"])
def test_a_long_chain_has_a_lenient_form_of_a_size_that_grows_with_it(step: str) -> None:
    chain = "".join(step.format(number) for number in range(11))
    assert evaluate(f"event{chain}.orValue(1)", {"k0": [], "0": []}) == 1
    sizes = [
        len(Lenient().form("event" + "".join(step.format(number) for number in range(count))))
        for count in (10, 20)
    ]
    assert sizes[1] < 3 * sizes[0]


@pytest.mark.parametrize(
    "expression",
    [
        "string(timestamp(event.ns))",
        "string(timestamp(event.whole))",
        'event["l"][1][event.s].y',
        "event.l.map(x, x.?x.orValue(7))",
        "event.l[?1].?agent.?y.orValue(0)",
        'event.s in ["agent"] && event.s in event.l[1]',
        "event.e == [] && event.f == false && size(event.e) == 0 && event.e.map(x, x.y) == []",
    ],
)
def test_what_has_a_value_as_written_has_the_same_in_its_lenient_form(expression: str) -> None:
    """A key is the same whether another member of its expression is absent as {} or as []."""
    event = {
        "ns": "2026-01-31T09:30:00.123456789Z",
        "whole": "2026-01-31T10:30:00+01:00",
        "l": [{"x": 1}, {"agent": {"y": 2}}],
        "s": "agent",
        "e": [],
        "f": False,
    }
    both = f'[{expression}, dyn(event.?m.?id.orValue("none"))]'
    assert evaluate(both, {**event, "m": []}) == evaluate(both, {**event, "m": {}})


def test_no_remedy_leads_back_to_another() -> None:
    """Whatever is asked of a list, following the remedies ends in a value."""
    assert evaluate('type(event.m) == map ? event.m.agent : ""', {"m": ["a"]}) == ""
    assert evaluate('event.?m.?agent.orValue("")', {"m": []}) == ""


@pytest.mark.parametrize("value", ABSENT.values(), ids=ABSENT.keys())
def test_a_delivery_with_one_is_billed(value: object) -> None:
    text = rule(
        when='event.?metadata.?kind.orValue("sale") == "sale"',
        once_per="${{ event.?metadata.?order.orValue(id(event.id)) }}",
        meta_tags="{agent: '${{ event.?metadata.?agent.orValue(\"none\") }}'}",
    )
    outcome = only_outcome(mapped(text, {"id": 7, "metadata": value}))
    assert (outcome.meta_tags["agent"], outcome.key) == ("none", '["desk","solved","7"]')


def test_a_filled_list_fails_the_delivery_with_place_and_type() -> None:
    text = rule(once_per='${{ event.?metadata.?order.orValue("x") }}')
    failure = only_failure(mapped(text, {"id": 7, "metadata": ["a"]}))
    assert failure.reason is Reason.MAPPING
    assert "`event.metadata` is a list, not an object: it has no member order" in failure.detail


#: A value of each type, by a name that names no type.
VALUES: dict[str, object] = {
    "s": "text",
    "i": 3,
    "f": 1.5,
    "b": True,
    "n": None,
    "l": [1, "a"],
    "o": {"x": 1},
    "e": "",
    "big": 2**62,
    "t": "2026-01-01T00:00:00Z",
}
_OPERATORS = ("+", "<", "in", "&&", "||")
_OF_TWO = ("startsWith", "join", "substring", "format")
_OF_ONE = ("size", "lowerAscii", "getFullYear", "hasValue", "value", "join", "reverse")
_LOOPS = ("exists", "all", "map", "filter", "exists_one")
_FUNCTIONS = (
    *("int", "uint", "double", "string", "bool", "bytes", "timestamp", "duration", "size"),
    *("id", "json", "millis", "seconds", "nfc", "trim", "optional.of", "type", "dyn"),
)
_OTHERS = (
    *("1/0", "1%0", "event.big*event.big", "-event.big-event.big-event.big", "int(1e300)"),
    *("uint(-1)", "timestamp(99999999999999)", "duration('1h')+duration('99999999999h')"),
    *("string(b'\\xff')", "{event.s:1,event.s:2}", "[1,2][-1]", "'a'.matches('(')", "event.?x"),
    *("event.?x.value()", "[event.?x]", "'%z'.format([1])", "'%s %s'.format([1])", "event.nope"),
    *("timestamp(event.t).getHours('Mars/Venus')", "[event.l].join(',')", "dyn(1).nope()"),
    *("dyn(received_at).x", "dyn(optional.of(1)) + 1", "optional.none().or(event.s)"),
    *("[3,dyn('a')].exists_one(x, x > 1)", "'abc'.charAt(9)", "'abc'.substring(3, 1)"),
    *("range(9)", "event.l.map(x, event.l.map(y, x + y))"),
    *("event.s = 1", "event.", "timestamp(event.t) + timestamp(event.t)", "event.nope.size()"),
    *("timestamp('9999-12-31T23:59:59Z')+duration('99999h')", "'abc'.indexOf('a', 99)"),
)


def expressions() -> Iterator[str]:
    """Expressions most of which fail, in as many ways as there are."""
    for a, b in itertools.product("sfnlo", repeat=2):
        yield from (f"event.{a} {sign} event.{b}" for sign in _OPERATORS)
        yield from (f"event.{a}.{method}(event.{b})" for method in _OF_TWO)
        yield from (f"event.{a}[event.{b}]", f"event.{a}[?event.{b}].orValue(1)")
        yield from (f"event.{a} ? event.{b} : 1", f"minor(event.{a}, event.{b})")
    for a in VALUES:
        yield from (f"{function}(event.{a})" for function in _FUNCTIONS)
        yield from (f"event.{a}.{method}()" for method in _OF_ONE)
        yield from (f"event.{a}.{loop}(x, x.y)" for loop in _LOOPS)
        yield from (f"-event.{a}", f"!event.{a}", f"event.{a}.x.y", f"event.{a}.?x.?y.z.orValue(1)")
        yield from (f"event.?{a}.optMap(x, x.y)", f"cel.bind(q, event.{a}, q.z)", f"vars.{a}")
        yield from (f"timestamp(event.t, event.{a})", f"headers[event.{a}]", f"[1][event.{a}]")
    yield from _OTHERS


_INTERNAL = re.compile(
    r"<|>|@|\[\?…|\?…|_\S*_|iter|overload|int64|null_type|optional_type|protobuf|SELECT"
    r"|INVALID|\bmap\b(?!\(| first)|container|cpp|Python|pybind|object at 0x|deref"
)


def test_no_text_of_an_error_has_a_name_of_the_library() -> None:
    failures = 0
    activation = activation_of(VALUES)
    for expression in expressions():
        try:
            LANGUAGE.compile(expression).evaluate(activation)
        except EvalError as error:
            texts = [error.message, error.remedy]
        except ExpressionError as error:
            texts = [part for fault in error.faults for part in (fault.message, fault.remedy)]
        else:
            continue
        failures += 1
        assert all(texts), expression
        for text in texts:
            quoted = re.sub(r'"[^"]*"|`[<>=!&|+*/%-]+`| == (map|list)|[<>=]=|&&|%s', "", text)
            assert not _INTERNAL.search(quoted), (expression, text)
    assert failures > 500  # most of them


def test_a_text_of_the_library_that_is_not_known_loses_its_names() -> None:
    error = runtime_error(
        "UNKNOWN: Cannot fold <accu_var> of @not_strictly_false with _?._ [UNKNOWN]"
    )
    assert str(error) == "it has no value: cannot fold a value of a value with a value"
