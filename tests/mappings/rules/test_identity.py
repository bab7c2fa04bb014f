"""Outcome keys: what bills once."""

from __future__ import annotations

import json

from hypothesis import given, strategies as st

from mappings.engine.rules.identity import key_fault, outcome_key

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


def test_a_key_has_its_bounds_in_bytes() -> None:
    assert key_fault("é" * 1300) is None
    assert key_fault("é" * 1301) is not None
