"""Which expressions can read what is redacted: a table, and a property over random ones."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, given, strategies as st

from mappings.engine.cel.language import EvalError, Expression, ExpressionError, Language
from mappings.engine.payload import PayloadError, parse
from mappings.engine.redact.paths import InvalidPath, parse_path
from mappings.engine.redact.redactor import Redactor
from mappings.engine.redact.taint import conflicts, taint_of
from tests.mappings.kit import RECEIVED_AT
from tests.mappings.redacting import DOCUMENTS, NAMES, PATHS, written

LANGUAGE = Language({})
REDACTED = tuple(
    parse_path(text)
    for text in (
        "payload.customer.email",
        "payload.items[*].note",
        "payload.contact",
        "payload.tags[*]",
        "headers.x-user",
    )
)


def read(expression: str, events: str = "[payload]") -> set[str]:
    value, _ = taint_of(LANGUAGE.compile_events(events), REDACTED)
    found = conflicts([LANGUAGE.compile(expression)], REDACTED, value)
    return {".".join(one.path.places) for one in found}


HARMLESS = (
    "payload.customer.id",
    "event.customer.id == 1",
    'id(event.items[0].id) + "x"',
    "event.items[size(event.items) - 1].id",
    "event.items.exists(i, i.id == 1 && i.state == event.state)",
    'event.items.filter(i, i.id > 1).map(i, string(i.id)).join(",")',
    'event.items.map(i, {"id": i.id, "all": i}).exists(m, m.id == 1)',
    'cel.bind(c, event.customer, c.id == 1 ? "a" : c.name)',
    'event.?customer.?id.orValue("")',
    'event.?customer.optMap(c, c.id).orValue("")',
    'event["customer"]["id"]',
    "has(event.customer) && has(event.customer.id)",
    "size(event.items) > 0 && event.customer.size() == 2",
    'headers["x-other"] == headers.topic',
    'json(event.text).contact == "x"',
    'event.other.contact == "x"',
    "{'a': event}.a.customer.id",
    "dyn(event).customer.id",
    "type(event.customer) == map",
    "source + vars.contact",
    "string(received_at)",
)
READING = {
    'payload.customer.email == "x"': "payload.customer.email",
    "event.customer.email": "payload.customer.email",
    'event["customer"]["email"]': "payload.customer.email",
    "event.customer.?email.hasValue()": "payload.customer.email",
    "has(event.customer.email)": "payload.customer.email",
    "event.`contact`": "payload.contact",
    "event.contact.anything.below": "payload.contact",
    "has(event.contact)": "payload.contact",
    'event.?contact.?name.orValue("")': "payload.contact",
    "event.items[0].note": "payload.items.note",
    "event.items[event.at].note": "payload.items.note",
    "event.items.exists(i, i.note == 'x')": "payload.items.note",
    "event.items.map(i, {'n': i}).exists(m, m.n.note == 'x')": "payload.items.note",
    "event.tags[0]": "payload.tags",
    "size(event.tags)": "payload.tags",
    "'x' in event.tags": "payload.tags",
    "cel.bind(c, event.customer, c.email)": "payload.customer.email",
    "(event.ok ? event : payload).customer.email": "payload.customer.email",
    "optional.of(event).?customer.?email": "payload.customer.email",
    "{'a': event}.a.customer.email": "payload.customer.email",
    "{'a': [event]}.a.map(e, e.customer)[0].email": "payload.customer.email",
    "dyn(event).customer.email": "payload.customer.email",
    "payload.customer[event.name]": "payload.customer.email",
    "payload.customer['e' + 'mail']": "payload.customer.email",
    "event.customer.exists(k, event.customer[k] == 'x')": "payload.customer.email",
    "event.customer == event.other": "payload.customer.email",
    "event.customer in [event.other]": "payload.customer.email",
    "event.customer.exists(k, k == 'email')": "payload.customer.email",
    "string(event.items)": "payload.items.note",
    "event.items": "payload.items.note",
    "event.items + [event.other]": "payload.items.note",
    "true || event.customer.email == 'x'": "payload.customer.email",
    'headers["x-user"]': "headers.x-user",
    'headers[event.x] == "a"': "headers.x-user",
    "headers == {}": "headers.x-user",
}


@pytest.mark.parametrize("expression", HARMLESS)
def test_what_reads_only_its_neighbours_is_allowed(expression: str) -> None:
    assert read(expression) == set()


@pytest.mark.parametrize("expression", READING)
def test_what_could_read_a_redacted_value_is_not(expression: str) -> None:
    assert READING[expression] in read(expression)


def test_what_the_events_are_made_of_is_followed() -> None:
    assert read("event.note", "payload.items") == {"payload.items.note"}
    assert read("event.note", "payload.others") == set()
    made = "payload.items.map(i, {'item': i, 'of': payload.customer})"
    assert read("event.item.note", made) == {"payload.items.note"}
    assert read("event.of.email", made) == {"payload.customer.email"}
    assert read("event.of.id + event.item.id", made) == set()


def test_events_that_read_a_redacted_value_are_a_problem() -> None:
    expression = LANGUAGE.compile_events("payload.items.filter(i, i.note != '')")
    _, found = taint_of(expression, REDACTED)
    assert [".".join(one.path.places) for one in found] == ["payload.items.note"]


def _expressions() -> st.SearchStrategy[str]:
    """Expressions over a, b, c and the variables x, y of macros."""
    names = st.sampled_from(NAMES)
    start = st.sampled_from(["payload", "event", "payload", "event", "1", "'a'", "null", "x", "[]"])

    def grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
        two = st.tuples(inner, inner)
        return st.one_of(
            st.tuples(inner, names).map(lambda t: f"{t[0]}.{t[1]}"),
            st.tuples(inner, names).map(lambda t: f"{t[0]}.{t[1]}"),
            st.tuples(inner, names).map(lambda t: f"{t[0]}['{t[1]}']"),
            st.tuples(inner, names).map(lambda t: f"has({t[0]}.{t[1]})"),
            st.tuples(inner, names, inner).map(lambda t: f"{t[0]}.?{t[1]}.orValue({t[2]})"),
            st.tuples(inner, names, inner).map(
                lambda t: f"{t[0]}.?{t[1]}.optMap(x, {t[2]}).orValue(0)"
            ),
            inner.map(lambda t: f"{t}[0]"),
            two.map(lambda t: f"{t[0]}[{t[1]}]"),
            two.map(lambda t: f"({t[0]} == {t[1]})"),
            two.map(lambda t: f"({t[0]} in {t[1]})"),
            two.map(lambda t: f"({t[0]} + {t[1]})"),
            st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} ? {t[1]} : {t[2]})"),
            two.map(lambda t: f"({t[0]} || {t[1]})"),
            two.map(lambda t: f"{t[0]}.exists(x, {t[1]})"),
            two.map(lambda t: f"{t[0]}.map(x, {t[1]})"),
            two.map(lambda t: f"{t[0]}.filter(x, {t[1]})"),
            two.map(lambda t: f"cel.bind(x, {t[0]}, {t[1]})"),
            inner.map(lambda t: f"size({t})"),
            inner.map(lambda t: f"type({t})"),
            inner.map(lambda t: f"string({t})"),
            inner.map(lambda t: f"id({t})"),
            inner.map(lambda t: f"json({t})"),
            two.map(lambda t: f"[{t[0]}, {t[1]}]"),
            two.map(lambda t: f"{{'a': {t[0]}, 'b': {t[1]}}}"),
        )

    return st.recursive(start, grown, max_leaves=6)


def _value(expression: Expression, payload: Any, event: Any) -> object:
    activation = LANGUAGE.activation(
        payload=payload,
        headers={},
        source="desk",
        variables={},
        received_at=RECEIVED_AT,
        event=event,
    )
    try:
        # A map that an expression writes out has its members in no certain order.
        return json.dumps(expression.evaluate(activation), sort_keys=True, default=repr)
    except EvalError:
        return EvalError


@given(data=st.data(), value=DOCUMENTS, texts=PATHS, text=_expressions())
def test_what_is_proven_to_read_nothing_redacted_gives_the_same_without_it(
    data: st.DataObject, value: Any, texts: list[str], text: str
) -> None:
    try:
        paths = tuple(map(parse_path, texts))
        expression = LANGUAGE.compile(text)
        body = written(value, data.draw)[0].encode()
        payload, left = parse(body), parse(Redactor(paths).apply(body, {}).body)
    except (InvalidPath, ExpressionError, PayloadError):
        assume(False)
        raise
    events, _ = taint_of(LANGUAGE.compile_events("[payload]"), paths)
    if not conflicts([expression], paths, events):
        assert _value(expression, payload, payload) == _value(expression, left, left)
