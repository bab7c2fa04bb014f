"""The way from a character of a value back to its place in the file."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from mappings.engine.reading import yamlfile
from mappings.engine.reading.positions import Mark, place_in

MARK = "zz"
VALUES = {
    "plain": "a: event.x == 1 && zz",
    "plain with letters beyond ASCII": "a: é😀 zz",
    "plain over lines": "a: foo &&\n  bar\n\n  && zz",
    "single quotes": "a: 'it''s ''x'' zz'",
    "single quotes over lines": "a: 'it''s\n  ''x'' zz'",
    "double quotes": 'a: "\\"x\\" \\u00e9\\t\\x41 zz"',
    "double quotes over lines": 'a: "foo \\\n   bar\n  zz"',
    "literal block": "a: |\n  foo &&\n    bar\n  && zz",
    "folded block": "a: >-\n  foo &&\n  zz",
    "block with indicator": "a: |2-\n    foo\n   zz",
    "in a flow list": "a: [x, 'y', \"b zz\"]",
    "in a flow mapping": "a: {b: c, d: 'e zz'}",
}


@pytest.mark.parametrize("source", VALUES.values(), ids=VALUES.keys())
def test_a_place_is_found_through_quotes_and_folding(source: str) -> None:
    read = yamlfile.parse(source.encode(), file="x")
    assert read.problems == ()
    for path, mark in read.positions.values.items():
        value = read.data
        for step in path:
            value = value[step]
        if isinstance(value, str) and MARK in value:
            place = place_in(source, mark, value, value.index(MARK))
            line = source.split("\n")[place.line - 1]
            assert line[place.column - 1 :].startswith(MARK)
            return
    pytest.fail("the value was not found")


@given(st.text(st.characters(codec="utf-8"), max_size=30), st.integers(0, 40))
def test_no_value_makes_it_raise(value: str, offset: int) -> None:
    place = place_in(f"a: {value}", Mark(1, 4), value, offset)
    assert place.line >= 1
    assert place.column >= 1


@pytest.mark.parametrize(
    ("source", "value", "offset", "column"),
    [("a: 1 +", "1 +", 3, 7), ("a: '1 +'", "1 +", 3, 8), ("a: ''", "", 0, 5)],
)
def test_the_end_of_a_value_is_a_place(source: str, value: str, offset: int, column: int) -> None:
    assert place_in(source, Mark(1, 4), value, offset) == (1, column)
