"""Outcome keys: what bills once."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings.rules.identity import key_fault, outcome_key, value_fault

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8)
KEY = st.tuples(TEXT, TEXT.filter(bool), st.none() | TEXT, st.lists(TEXT, min_size=1, max_size=3))


def key(parts: tuple[str, str, str | None, list[str]]) -> str:
    source, rule, scope, values = parts
    return outcome_key(source=source, rule=rule, scope=scope, values=values)


def test_a_key_is_compact_json_of_source_rule_and_values() -> None:
    found = outcome_key(source="crm", rule="won", scope=None, values=["7", "é"])
    assert found == '["crm","won","7","é"]'


def test_a_scope_stands_for_source_and_rule() -> None:
    found = outcome_key(source="crm", rule="won", scope="deals", values=["7"])
    assert found == '["deals","","7"]'


@given(KEY, KEY)
def test_two_keys_are_equal_only_if_what_they_are_made_of_is(
    one: tuple[str, str, str | None, list[str]], two: tuple[str, str, str | None, list[str]]
) -> None:
    def meaning(parts: tuple[str, str, str | None, list[str]]) -> object:
        source, rule, scope, values = parts
        return (source, rule, values) if scope is None else (scope, None, values)

    assert (key(one) == key(two)) == (meaning(one) == meaning(two))


@given(KEY)
def test_a_key_can_be_taken_apart_again(parts: tuple[str, str, str | None, list[str]]) -> None:
    source, rule, scope, values = parts
    head = [source, rule] if scope is None else [scope, ""]
    assert json.loads(key(parts)) == [*head, *values]


@pytest.mark.parametrize(
    "text",
    ["7", "a b", " 7", "é", "😀", "x" * 256, "a\u200bb", '"],["', "\\", "\u2028x"],
    ids=ascii,
)
def test_what_can_identify(text: str) -> None:
    assert value_fault(text) is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "empty"),
        (" ", "blank"),
        ("\u00a0\u3000", "blank"),
        ("\u200b", "blank"),
        ("x" * 257, "257 characters"),
        ("a\nb", "U+000A"),
        ("a\x00", "U+0000"),
        ("a\x7f", "U+007F"),
        ("a\x9f", "U+009F"),
        ("a\ud800", "half a character (U+D800)"),
    ],
    ids=ascii,
)
def test_what_cannot_identify(text: str, said: str) -> None:
    assert said in (value_fault(text) or "")


def test_a_key_has_its_bounds_in_bytes() -> None:
    assert key_fault("é" * 1300) is None
    assert key_fault("é" * 1301) is not None
