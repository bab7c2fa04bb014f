"""Written in plain CEL, a call gives what the function gives, or nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from mappings.engine.cel.expression import Programs
from mappings.engine.cel.language import EvalError, Expression, Language
from mappings.engine.cel.native import native
from mappings.engine.reading.tables import Table
from tests.mappings.kit import RECEIVED_AT

TABLE = Table(name="t", file="tables/t.csv", version="", rows={"a": "b", "7": "seven", "": "x"})
LANGUAGE = Language({"t": TABLE})

CALLS = [
    "id(payload)",
    "millis(payload)",
    "seconds(payload)",
    'timestamp(payload, "Europe/Berlin")',
    'lookup("t", payload)',
    'lookup("t", payload, "none")',
    'lookup("t", id(payload), "none")',
    'lookup(payload, "a")',
    'lookup("t", id(payload))',
    'id(payload) + "/" + id(payload)',
    'id(payload) == "7" || lookup("t", payload) == "b"',
    'payload == 7 && id(payload) == "7"',
    "millis(payload) < seconds(payload)",
    "[payload].exists(x, id(x) == '7')",
    "[1, 2].map(value, id(value) + id(payload))",
    'has(event.a) ? id(event.a) : lookup("t", "a")',
    'optional.of(id(payload)).orValue("x")',
    "id(  payload // the id\n )",
    "json(payload)",
    "json(payload).a == 1 || payload == 'a'",
    "json(json(payload).inner).a",
    "[payload].map(x, json(x))",
    "[payload].map(event, json(event.a))",
    "trim(payload)",
    "nfc(payload)",
    "nfc(trim(payload)) == trim(nfc(payload))",
    'lookup("t", trim(payload), "none")',
    'minor(payload, "USD")',
    'minor(payload, "jpy") + minor(payload, "KWD")',
    "minor(7, payload)",
]

VALUES = st.one_of(
    st.sampled_from(["a", "7", "", "zz", 7, -7, 0, 2**63, 2**64 - 1, -(2**63), True, None, 1.5]),
    st.integers(-(2**63), 2**64 - 1),
    st.integers(-10, 1_900_000_000_000),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5),
    st.sampled_from(
        [" a ", "\u200ba\u00a0", "e\u0301", "12050", "-5", "120.50", "USD", "usd", "Kwd"]
    ),
    st.sampled_from(
        ['{"a": 1}', '{"inner": "{\\"a\\": 2}"}', "[1, null]", "null", "nul", "2026-02-28 10:30:00"]
    ),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.just("a"), st.integers(0, 3)),
)


def outcome(expression: Expression, value: Any) -> tuple[str, Any]:
    activation = LANGUAGE.activation(
        payload=value,
        event={"a": value},
        headers={},
        source="s",
        variables={},
        received_at=RECEIVED_AT,
    )
    try:
        return "value", expression.evaluate(activation)
    except EvalError as error:
        return "error", (error.reason, error.message, error.remedy)


@pytest.mark.parametrize("text", CALLS)
@given(value=VALUES)
@settings(max_examples=50)
def test_plain_cel_gives_what_the_function_gives(text: str, value: Any) -> None:
    both = LANGUAGE.compile(text)
    assert both.programs.native is not None
    alone = replace(both, programs=Programs(both.program))
    assert outcome(both, value) == outcome(alone, value)


WRITTEN = {
    "nothing-to-write": ("payload.a == 1", None),
    "a-member": ("payload.id(1) == event.millis(2)", None),
    "a-text": ("payload == 'id(1)'", None),
    "a-name": ("[1].map(id, id == 1)", None),
    "another-count": ("id() == lookup(1)", None),
    "unclosed": ("id(payload", None),
    "a-name-of-ours": ("id(__tables)", None),
    "a-default-that-may-be-no-text": ('lookup("t", "a", payload.x)', None),
    "inside-json": ('json(lookup("t", "a")).x', '__documents["json"][__tables["t"]["a"]].x'),
    "commas-inside": ('lookup("t", [payload, "a,b"][1])', '__tables["t"][[payload, "a,b"][1]]'),
}


@pytest.mark.parametrize(("text", "written"), WRITTEN.values(), ids=WRITTEN.keys())
def test_only_calls_of_our_functions_are_rewritten(text: str, written: str | None) -> None:
    assert native(text) == written


def test_tables_are_no_variable_that_an_expression_may_name() -> None:
    with pytest.raises(Exception, match="__tables"):
        LANGUAGE.compile("__tables")


def memory_pages() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1])


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads Linux's own count")
def test_billing_over_and_over_takes_no_more_memory() -> None:
    """The functions themselves would lose 2000 bytes each time: 8 MiB here."""
    lets, _ = LANGUAGE.lets({"inner": "json(payload.text)"})
    texts = ['lookup("t", id(payload.n))', "millis(payload.at)", "id(payload.n) + inner.s"]
    texts += ["nfc(trim(payload.who))", 'minor(payload.n, "USD") + minor(id(payload.n), "jpy")']
    expressions = [LANGUAGE.compile(text, lets) for text in texts]

    def bill(times: int) -> None:
        for _ in range(times):
            activation = LANGUAGE.activation(
                payload={
                    "n": 7,
                    "who": " café ",
                    "at": 1_789_999_997_641,
                    "text": '{"s": "%s"}' % ("x" * 500),
                },
                headers={},
                source="s",
                variables={},
                received_at=RECEIVED_AT,
            )
            for expression in expressions:
                expression.evaluate(activation)

    bill(1_000)
    before = memory_pages()
    bill(4_000)
    assert (memory_pages() - before) * 4096 < 3 * 1024 * 1024
