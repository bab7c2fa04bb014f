"""Bodies become plain values or one clear sentence; never a crash, never a changed id."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, strategies as st

from mappings.engine.payload import INTEGER_MAX, INTEGER_MIN, PayloadError, parse

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"


def test_reads_json_whatever_the_content_type_says() -> None:
    for content_type in (None, "application/json", "text/plain; charset=utf-8", "application/x"):
        assert parse(b'{"a": [1, 2.5, "x", true]}', content_type) == {"a": [1, 2.5, "x", True]}


def test_null_members_count_as_absent_and_null_items_stay() -> None:
    assert parse(b'{"a": null, "b": [null, {"c": null}], "d": {}}') == {"b": [None, {}], "d": {}}


def test_whole_numbers_stay_exact_to_the_last_that_64_bits_hold() -> None:
    assert parse(str(INTEGER_MAX).encode()) == INTEGER_MAX
    assert parse(str(INTEGER_MIN).encode()) == INTEGER_MIN


def test_a_floating_number_stays_one_even_when_it_is_whole() -> None:
    assert isinstance(parse(b"12345678901234567.0"), float)


def test_a_nul_stands_as_another_character_that_no_id_may_hold() -> None:
    assert parse(rb'{"a\u0000": ["x\u0000y", {"b": "\\u0000"}]}') == {
        "a\x01": ["x\x01y", {"b": r"\u0000"}]
    }
    assert parse(b"a=x%00y", FORM) == {"a": "x\x01y"}


def test_an_escaped_pair_of_surrogates_is_one_character() -> None:
    assert parse(rb'"\ud83d\ude00"') == "\U0001f600"


REFUSED = {
    "empty": (b"", "The body is empty."),
    "blank": (b" \n", "The body is empty."),
    "byte-order-mark": (b"\xef\xbb\xbf{}", "byte order mark"),
    "not-utf-8": (b'{"a": "\xff"}', "not UTF-8 at byte 8"),
    "utf-16": ("{}".encode("utf-16-be"), "not JSON"),
    "surrogate-in-utf-8": (b'"\xed\xa0\x80"', "not UTF-8 at byte 2"),
    "cut-off": (b'{"a": [1', "not JSON"),
    "two-values": (b"{} {}", "not JSON: Extra data"),
    "trailing-comma": (b'{"a": 1,}', "not JSON"),
    "leading-zero": (b"[007]", "not JSON"),
    "raw-control-character": (b'"a\nb"', "not JSON: Invalid control character"),
    "nan": (b"[NaN]", "has NaN, which is not a JSON number"),
    "infinity": (b"[Infinity]", "has Infinity"),
    "minus-infinity": (b"[-Infinity]", "has -Infinity"),
    "overflow": (b"[1e400]", "cannot be held, 1e400"),
    "negative-overflow": (b"[-1e400]", "cannot be held, -1e400"),
    "many-digits-after-the-point": (b"1." + b"0" * 200, "cannot be held"),
    "beyond-64-bits": (str(2**64).encode(), "beyond 64 bits, 18446744073709551616"),
    "below-64-bits": (str(-(2**63) - 1).encode(), "beyond 64 bits"),
    "two-to-the-70": (json.dumps({"id": 2**70}).encode(), "beyond 64 bits"),
    "duplicate-key": (b'{"id": 1, "id": 2}', 'the key "id" twice'),
    "duplicate-key-of-null": (b'{"id": null, "id": 2}', 'the key "id" twice'),
    "duplicate-key-by-escape": (rb'{"id": 1, "\u0069d": 2}', 'the key "id" twice'),
    "duplicate-key-without-nul": (rb'{"i\u0000": 1, "i\u0001": 2}', "twice"),
    "lone-high-surrogate": (rb'["\ud800"]', "lone surrogate"),
    "lone-low-surrogate": (rb'["\udc00"]', "lone surrogate"),
    "lone-surrogate-in-a-key": (rb'{"\ud800": 1}', "lone surrogate"),
    "lone-surrogate-in-a-key-twice": (rb'{"\ud800": 1, "\ud800": 2}', "twice"),
    "nested-too-deep": (b"[" * 65 + b"]" * 65, "deeper than 64 levels"),
}


@pytest.mark.parametrize(("body", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_one_sentence(body: bytes, said: str) -> None:
    with pytest.raises(PayloadError) as refused:
        parse(body)
    detail = str(refused.value)
    assert said in detail
    assert detail.endswith(".")
    assert len(detail.encode("utf-8")) < 200


def test_names_the_content_type_when_the_body_is_no_json() -> None:
    with pytest.raises(PayloadError, match=r"Its content type is 'text/plain'\."):
        parse(b"hello", "text/plain; charset=UTF-8")


def test_64_levels_are_read() -> None:
    parse(b"[" * 64 + b"]" * 64)


def test_brackets_inside_texts_are_no_nesting() -> None:
    assert parse(json.dumps(["[" * 1000, '"[' * 1000]).encode()) == ["[" * 1000, '"[' * 1000]


HOSTILE = {
    "open-lists": b"[" * MIB,
    "open-objects": b'{"a":' * (MIB // 5),
    "digits": b"9" * MIB,
    "digits-after-the-point": b"0." + b"9" * MIB,
    "digits-of-an-exponent": b"1e" + b"9" * MIB,
    "escaped-quotes": b"[" * 65 + b'"' + b'\\"' * (MIB // 2),
    "quotes": b'["' * (MIB // 2),
    "backslashes": b"[" * 65 + b'"' + b"\\" * MIB,
    "keys": b"{" + b",".join(b'"%d":1' % number for number in range(80_000)) + b',"0":1}',
    "empty-lists": b"[" + b"[]," * (MIB // 3) + b"x]",
    "blanks": b" " * MIB,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_mebibyte_is_refused_in_bounded_time(body: bytes) -> None:
    began = time.process_time()
    with pytest.raises(PayloadError):
        parse(body)
    assert time.process_time() - began < 10


def test_a_form_with_json_in_its_payload_field_is_that_json() -> None:
    assert parse(b"payload=%7B%22id%22%3A%207%7D&x=1", f"{FORM}; charset=utf-8") == {"id": 7}


def test_a_form_is_an_object_of_texts() -> None:
    assert parse(b"a=1&b=x+y&c=&b=%C3%A9", FORM) == {"a": "1", "b": ["x y", "é"], "c": ""}


def test_a_payload_field_that_is_no_json_is_a_field() -> None:
    assert parse(b"payload=hello", FORM) == {"payload": "hello"}


FORMS_REFUSED = {
    "bad-json": (b"payload=%7Bx", "not JSON"),
    "bad-utf-8": (b"a=%ff", "not UTF-8"),
    "too-many-fields": (b"a=1&" * 2000, "more than 1000 fields"),
    "duplicate-key": (b'payload={"a":1,"a":2}', "twice"),
    "empty": (b"", "empty"),
}


@pytest.mark.parametrize(("body", "said"), FORMS_REFUSED.values(), ids=FORMS_REFUSED.keys())
def test_refuses_a_form_in_one_sentence(body: bytes, said: str) -> None:
    with pytest.raises(PayloadError, match=said):
        parse(body, FORM)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.recursive(
    st.booleans()
    | st.integers(INTEGER_MIN, INTEGER_MAX)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


@given(VALUES, st.booleans())
def test_what_json_can_say_comes_back_unchanged(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=64), st.sampled_from([None, FORM, "text/x"]))
def test_any_bytes_give_a_value_or_a_payload_error(body: bytes, content_type: str | None) -> None:
    try:
        parse(body, content_type)
    except PayloadError as refused:
        str(refused).encode("utf-8")
