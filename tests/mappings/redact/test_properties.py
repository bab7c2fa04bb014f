"""What redaction promises of any document and any paths, said again in other words."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote_plus, unquote_plus

from hypothesis import assume, given, strategies as st

from mappings.engine.redact.paths import MARK, InvalidPath, RedactPath, parse_path
from mappings.engine.redact.redactor import Redactor
from tests.mappings.redacting import DOCUMENTS, PATHS, Number, Rest, written

FORM = {"content-type": "application/x-www-form-urlencoded"}


def pairs_of(text: str) -> Any:
    """The text as Python, members of objects as pairs so that repeated ones show."""
    return json.loads(
        text,
        object_pairs_hook=lambda pairs: ("object", pairs),
        parse_int=Number,
        parse_float=Number,
    )


def without(value: Any, paths: list[Rest]) -> Any:
    """The model: `paths` are the names that are left and whether the items of a list go."""
    ends = [items for names, items in paths if not names]
    if value is not None and (False in ends or (ends and not isinstance(value, list))):
        return MARK
    if isinstance(value, list):
        return [without(item, paths) for item in value]
    if isinstance(value, tuple):
        return (
            "object",
            [
                (
                    name,
                    without(inner, [(names[1:], i) for names, i in paths if names[:1] == (name,)]),
                )
                for name, inner in value[1]
            ],
        )
    return value


def parsed(texts: list[str]) -> tuple[RedactPath, ...]:
    try:
        return tuple(parse_path(text) for text in texts)
    except InvalidPath:
        assume(False)
        raise


def rests(paths: tuple[RedactPath, ...]) -> list[Rest]:
    return [(path.names, path.items) for path in paths]


def count(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(count, value))
    if isinstance(value, tuple):
        return sum(count(inner) for _, inner in value[1])
    return int(value == MARK)


@given(data=st.data(), value=DOCUMENTS, texts=PATHS)
def test_the_redacted_text_reads_as_the_original_with_exactly_those_values_replaced(
    data: st.DataObject, value: Any, texts: list[str]
) -> None:
    paths = parsed(texts)
    text, _ = written(value, data.draw)
    found = Redactor(paths).apply(text.encode(), {})
    wanted = without(pairs_of(text), rests(paths))
    assert pairs_of(found.body.decode()) == wanted
    assert found.count == count(wanted)


@given(data=st.data(), value=DOCUMENTS, texts=PATHS)
def test_every_byte_outside_the_values_stays_as_it_came(
    data: st.DataObject, value: Any, texts: list[str]
) -> None:
    paths = parsed(texts)
    text, left = written(value, data.draw, rests(paths))
    assert Redactor(paths).apply(text.encode(), {}).body.decode() == left


@given(data=st.data(), value=DOCUMENTS, texts=PATHS)
def test_a_form_that_stands_for_its_json_is_redacted_as_the_json_is(
    data: st.DataObject, value: Any, texts: list[str]
) -> None:
    paths = parsed(texts)
    text, wanted = written(value, data.draw, rests(paths))
    raw = "".join(c if c not in "%&+" and data.draw(st.booleans()) else quote_plus(c) for c in text)
    body = f"token=t&payload={raw}&x=1".encode()
    left = Redactor(paths).apply(body, FORM).body.decode()
    head, _, rest = left.partition("payload=")
    inner, _, tail = rest.rpartition("&")
    assert (head, unquote_plus(inner), tail) == ("token=t&", wanted, "x=1")
