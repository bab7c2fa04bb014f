"""Expressions: what the library gives and refuses, as mapping files see it."""

from __future__ import annotations

import contextlib
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mappings.engine.cel.language import EvalError, ExpressionError, Language
from mappings.engine.reading.tables import Table
from mappings.engine.reasons import Reason
from tests.support.effort import examples

COMPANIES = Table(name="companies", file="tables/companies.csv", version="v", rows={"1": "acme"})
LANGUAGE = Language({"companies": COMPANIES}, {"broken": "tables/broken.yaml"})
EVENT: dict[str, Any] = {
    "text": "x",
    "n": 5,
    "big": 2**64 - 1,
    "float": 1.5,
    "yes": True,
    "list": [1, "a", None],
    "map": {"a": 1},
    "at": 1772271000123,
    "json": '{"a": [1, {"b": null, "c": "d"}]}',
}


def evaluate(expression: str, event: object = EVENT) -> Any:
    activation = LANGUAGE.activation(
        payload={"events": [event]},
        headers={"x-kind": "a"},
        source="desk",
        variables={"who": "acme", "level": 3},
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
        event=event,
    )
    return LANGUAGE.compile(expression).evaluate(activation)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("event.n + 1", 6),
        ("event.big", 2**64 - 1),
        ("event.?text.?deeper.orValue(1)", None),
        ('event.?nope.?x.orValue("")', ""),
        ("event.?nope.hasValue()", False),
        ("event[?'text'].orValue('')", "x"),
        ("event.`text`", "x"),
        ("event.text.upperAscii()", "X"),
        ("'a,b'.split(',')", ["a", "b"]),
        ("payload.events[0].n", 5),
        ('headers["x-kind"] + source + vars.who', "adeskacme"),
        ("vars.level + 1", 4),
        ("received_at + duration('60s')", datetime(2026, 3, 1, 0, 1, tzinfo=UTC)),
        ("received_at - received_at", timedelta(0)),
        ("has(event.nope)", False),
        ("[1, 2].exists(i, i == event.n - 3)", True),
        ("cel.bind(x, event.n, x + x)", 10),
        ("null", None),
        ("id(event.text)", "x"),
        ("id(event.n)", "5"),
        ("id(event.big)", "18446744073709551615"),
        ("id(-5)", "-5"),
        ("json(event.json).a[1].c", "d"),
        ("has(json(event.json).a[1].b)", False),
        ("millis(event.at)", datetime(2026, 2, 28, 9, 30, 0, 123000, tzinfo=UTC)),
        ("seconds(0)", datetime(1970, 1, 1, tzinfo=UTC)),
        ("seconds(event.float)", datetime(1970, 1, 1, 0, 0, 1, 500000, tzinfo=UTC)),
        ("seconds(-1)", datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ('lookup("companies", "1")', "acme"),
        ('lookup("companies", id(1))', "acme"),
        ('lookup("companies", event.text, "none")', "none"),
    ],
)
def test_values(expression: str, value: Any) -> None:
    if value is None and expression != "null":
        with pytest.raises(EvalError):
            evaluate(expression)
        return
    assert evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message", "remedy"),
    [
        ("event.nope", 'no member "nope"', '.?nope.orValue("")'),
        ('event["a-b"]', 'no member "a-b"', '[?"a-b"].orValue("")'),
        ("event.text.x", "`event.text` is text, not an object", "type(event.text) == map"),
        ("event.list[9]", "3 items and no item 9", "size()"),
        ("event.n + event.text", "`+` does not take a whole number and text", "string(…)"),
        ("event.float + 1", "a floating number and a whole number", "double(…)"),
        ("event.n > event.text", "`>` does not take", "string(…)"),
        ("event.n && true", "a side of `&&` is neither true nor false", "=="),
        ("event.n.startsWith('a')", ".startsWith() is not for a whole number", "type"),
        ("event.n / 0", "it divides by zero", "n == 0"),
        ("event.n * 9223372036854775807", "beyond the 64 bits", "id(…)"),
        ("int(event.text)", "int() cannot read the value", "digits"),
        (
            "timestamp(event.text)",
            'timestamp(): "x" is not a readable time',
            "2026-01-31T09:30:00Z",
        ),
        ("event.text.matches('[')", "the regular expression of .matches() is wrong", "RE2"),
        ("event.?text", "optional value", ".orValue(…)"),
        ("[event.?text]", "optional value", ".orValue(…)"),
        ("optional.none()", "optional value", ".orValue(…)"),
        ("id(event.float)", "id() does not take a floating number", "is never an id"),
        ("id(event.yes)", "id() does not take true or false", "is never an id"),
        ("id(event.list)", "id() does not take a list", "id() takes"),
        ("id(event.map)", "id() does not take an object", "id() takes"),
        ("id(event.list[2])", "id() does not take null", "id() takes"),
        ("millis(event.text)", "millis() does not take text", "int(…)"),
        ("seconds(event.at)", "is outside the years 1 to 9999", "millis()"),
        ("seconds(0.0 / 0.0)", "is outside the years 1 to 9999", "millis()"),
        ("json(event.text)", "json() cannot read it: the text is not JSON", "payload"),
        ("json(event.n)", "json() does not take a whole number", "one text"),
        ('lookup("companies", event.n)', "text and a whole number", "id(…)"),
        ('lookup("companies", event.text)', 'no key "x"', "tables/companies.csv"),
        ('lookup(event.text, "1")', 'no table "x"', "the tables are: companies"),
        ('lookup("broken", "1")', 'table "broken" could not be loaded', "tables/broken.yaml"),
    ],
)
def test_errors_say_what_is_wrong_and_what_to_write(
    expression: str, message: str, remedy: str
) -> None:
    with pytest.raises(EvalError) as caught:
        evaluate(expression)
    assert message in caught.value.message
    assert remedy in caught.value.remedy


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ('lookup("companies", "2")', Reason.UNMAPPED),
        ('lookup("broken", "2")', Reason.UNMAPPED),
        ('lookup("nope" + "x", "2")', Reason.UNMAPPED),
        ('lookup("companies", event.n)', Reason.MAPPING),
        ("event.nope", Reason.MAPPING),
        ('lookup("companies", "2") + "x"', Reason.UNMAPPED),
        ('[lookup("companies", "2")][0]', Reason.UNMAPPED),
        ('lookup("companies", "2") == "x" && event.nope', Reason.UNMAPPED),
    ],
)
def test_only_a_missing_key_or_table_is_unmapped(expression: str, reason: Reason) -> None:
    with pytest.raises(EvalError) as caught:
        evaluate(expression)
    assert caught.value.reason is reason


def test_text_from_a_payload_cannot_pass_for_a_refusal() -> None:
    forged = '\x1f["unmapped","m","r"]'
    with pytest.raises(EvalError) as caught:
        evaluate("json(event.text).a", {"text": forged})
    assert caught.value.reason is Reason.MAPPING
    with pytest.raises(EvalError) as caught:
        evaluate("event[event.text]", {"text": forged})
    assert caught.value.reason is Reason.MAPPING


@pytest.mark.parametrize(
    "expression",
    [
        'lookup("companies", "2") == "x" || true',
        'true || lookup("companies", "2") == "x"',
        '!(lookup("companies", "2") == "x" && false)',
        'true ? true : lookup("companies", "2") == "x"',
        'event.list.exists(i, i == 1 || lookup("companies", "2") == "x")',
    ],
)
def test_an_absorbed_error_is_no_error(expression: str) -> None:
    assert evaluate(expression) is True


@pytest.mark.parametrize(
    ("expression", "offset", "message"),
    [
        ("nope", 0, "no variable `nope`"),
        ("event.x + nope.y.z", 10, "no variable `nope`"),
        ("  nope(1)", 2, "no function `nope`"),
        ("event.x.nope()", 8, "no function `nope`"),
        ('"é😀" + nope', 7, "no variable `nope`"),
        ("1 +\n nope", 5, "no variable `nope`"),
        ("event.a or event.b", 8, "`or` is not CEL"),
        ("not event.a", 4, "cannot stand here"),
        ("None", 0, "`None` is not CEL"),
        ("'abc", 0, "never closed"),
        ("(event.a", 8, "`)` is missing"),
        ("event.a &&", 10, "ends too soon"),
        ("", 0, "is empty"),
        ("id()", 0, "id() does not take"),
        ("id(event.a, 1)", 0, "id() does not take that"),
        ("id(1.5)", 0, "id() does not take a floating number"),
        ("has(event)", 4, "has() asks for a member"),
        ("source.x", 6, "no members"),
        ("(" * 40 + "1" + ")" * 40, 0, "too deeply"),
        ("99999999999999999999", 0, "does not compile"),
    ],
)
def test_compile_errors_have_a_place(expression: str, offset: int, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        LANGUAGE.compile(expression)
    fault = caught.value.faults[0]
    assert message in fault.message
    assert fault.offset == offset
    assert fault.remedy.endswith(".") or fault.remedy.endswith("?")


def test_more_lets_than_the_library_can_nest_are_refused() -> None:
    lets, faults = LANGUAGE.lets(
        {"a0": "event.n"} | {f"a{n}": f"a{n - 1} + 1" for n in range(1, 60)}
    )
    assert any("too many `let` names" in f.message for found in faults.values() for f in found)
    with pytest.raises(ExpressionError, match="too many `let` names"):
        LANGUAGE.compile("a20 + a21 + a22 + a23 + a24 + a25 + a26 + a27", lets)


def test_a_let_is_evaluated_once_an_expression_and_only_where_it_is_used() -> None:
    lets, faults = LANGUAGE.lets({"bad": "event.nope", "n": "event.n"})
    assert faults == {}
    compiled = LANGUAGE.compile("n + n == 10 || bad == 1", lets)
    activation = LANGUAGE.activation(
        payload=None,
        headers={},
        source="desk",
        variables={},
        received_at=datetime(2026, 3, 1, tzinfo=UTC),
        event=EVENT,
    )
    assert compiled.evaluate(activation) is True


def test_evaluation_from_many_threads_gives_each_its_own_value() -> None:
    compiled = LANGUAGE.compile('id(event.n) + "!"')
    wrong: list[object] = []

    def work(start: int) -> None:
        for n in range(start, start + 300):
            activation = LANGUAGE.activation(
                payload={},
                headers={},
                source="desk",
                variables={},
                received_at=datetime(2026, 3, 1, tzinfo=UTC),
                event={"n": n},
            )
            if compiled.evaluate(activation) != f"{n}!":
                wrong.append(n)

    threads = [threading.Thread(target=work, args=(start,)) for start in range(0, 4000, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


FRAGMENTS = [
    "event", "event.text", "event.n", "event.float", "event.list", "event.map", "event.nope",
    "event.?nope", "event.?text", "optional.none()", "null", "1", "1u", "1.5", '"a"', "true",
    "[1]", '{"a": 1}', "payload", "received_at", "duration('1s')", "vars", "headers", "b'x'",
    "type(1)",
]  # fmt: skip
CALLS = [
    "id({0})", "json({0})", "millis({0})", "seconds({0})", "lookup({0}, {1})", "lookup('a', {0})",
    "lookup({0}, {1}, {2})", "{0} == {1}", "{0} + {1}", "{0} in {1}", "{0} && {1}", "{0}.x",
    "{0}[{1}]", "{0} ? {1} : {2}", "{0}.map(i, {1})", "{0}.orValue({1})", "string({0})", "{0}.?x",
    "[{0}, {1}]", "size({0})", "{0}.exists(i, i == {1})",
]  # fmt: skip


@examples(100)
@given(
    st.recursive(
        st.sampled_from(FRAGMENTS),
        lambda inner: st.builds(
            lambda call, parts: call.format(*parts),
            st.sampled_from(CALLS),
            st.tuples(inner, inner, inner),
        ),
        max_leaves=6,
    )
)
def test_no_expression_does_more_than_give_a_value_or_an_error(expression: str) -> None:
    with contextlib.suppress(ExpressionError, EvalError):
        evaluate(expression)
