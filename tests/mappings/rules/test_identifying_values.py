"""Agents, customers, indicators and keys: which values identify something, and look-ups."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mappings.engine.reasons import Reason
from tests.mappings.kit import (
    MAPPING,
    SOLVED,
    mapped,
    only_failure,
    only_outcome,
    rule,
)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("", "it is empty"),
        ("  ", "it is blank"),
        ("\u200b\u2003", "it is blank"),
        ("x" * 257, "257 characters, more than 256"),
        ("a\tb", "control character (U+0009)"),
        ("a\x00b", "control character"),
        ("a\x85b", "control character (U+0085)"),
        (1.5, "a floating number"),
        (12345678901234567.0, "a floating number"),
        (True, "true or false"),
        ([1], "a list"),
        ({"a": 1}, "an object"),
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("field", ["agent", "customer", "indicator", "once_per"])
def test_a_value_that_identifies_nothing_fails_and_never_bills(
    field: str, value: Any, said: str
) -> None:
    failure = only_failure(mapped(rule(**{field: "${{ event.v }}"}), {"id": 1, "v": value}))
    assert (failure.reason, failure.rule, failure.field) == (Reason.MAPPING, "solved", field)
    assert failure.expression in {"event.v", "${{ event.v }}"}
    assert said in failure.detail


ODD = {
    "a blank behind": ("acme ", "U+0020"),
    "a blank before": (" acme", "U+0020"),
    "zero width": ("acme\u200b", "U+200B"),
    "a no-break space": ("acme\u00a0corp", "U+00A0"),
    "right-to-left": ("\u202eacme", "U+202E"),
    "a byte order mark": ("\ufeffacme", "U+FEFF"),
    "decomposed": ("cafe\u0301", "NFC"),
}
REACHED = {
    "the payload": ("${{ event.v }}", ""),
    "an id": ("${{ id(event.v) }}", ""),
    "a let": ("${{ v }}", "let: {v: event.v}\n"),
    "vars": ("${{ vars.v }}", "vars: {v: %s}\n"),
    "a literal in an expression": ("'${{ event.id == 1 ? %s : \"x\" }}'", ""),
}


@pytest.mark.parametrize("field", ["agent", "customer", "indicator", "once_per"])
@pytest.mark.parametrize(("text", "character"), ODD.values(), ids=ODD.keys())
def test_an_id_that_a_person_takes_for_another_fails_with_what_helps(
    text: str, character: str, field: str
) -> None:
    found = mapped(rule(**{field: "${{ event.v }}"}), {"id": 1, "v": text})
    failure = only_failure(found)
    assert (failure.reason, failure.field) == (Reason.MAPPING, field)
    for part in (character, "trim(x)", "nfc(x)"):
        assert part in failure.detail


@pytest.mark.parametrize(("template", "head"), REACHED.values(), ids=REACHED.keys())
def test_such_an_id_fails_wherever_it_comes_from(template: str, head: str) -> None:
    quoted = json.dumps("cafe\u0301", ensure_ascii=False)
    text = rule(
        customer=template.replace("%s", quoted), let=head.replace("%s", quoted) if head else None
    )
    failure = only_failure(mapped(text, {"id": 1, "v": "cafe\u0301"}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "customer")


@pytest.mark.parametrize(
    ("expression", "text", "customer"),
    [
        ("trim(event.v)", " acme\u200b\u00a0\ufeff", "acme"),
        ("trim(event.v)", "\u3000caf\u00e9\t\n", "caf\u00e9"),
        ("nfc(event.v)", "cafe\u0301", "caf\u00e9"),
        ("nfc(trim(event.v))", " cafe\u0301\u2003", "caf\u00e9"),
        ("trim(nfc(event.v))", "ACME-Corp ", "ACME-Corp"),
        ('event.v.replace("\\u00a0", " ")', "acme\u00a0corp", "acme corp"),
    ],
)
def test_what_the_failure_names_makes_it_fit(expression: str, text: str, customer: str) -> None:
    found = mapped(rule(customer=f"'${{{{ {expression} }}}}'"), {"id": 1, "v": text})
    assert only_outcome(found).customer_id == customer


def test_a_key_that_looks_like_one_of_a_table_says_what_is_odd_about_it() -> None:
    text = rule(customer="'${{ lookup(\"companies\", event.v) }}'")
    failure = only_failure(mapped(text, {"id": 1, "v": "1\u200b"}))
    assert failure.reason is Reason.UNMAPPED
    for part in ("U+200B ZERO WIDTH SPACE", "trim(x)", "nfc(x)"):
        assert part in failure.detail


def test_a_delivery_id_with_an_invisible_character_bills_nothing() -> None:
    found = mapped(rule(once_per="delivery"), {"id": 1}, vendor_id="msg\u200b")
    assert "U+200B" in only_failure(found).detail


@pytest.mark.parametrize("field", ["agent", "customer", "indicator"])
def test_a_number_is_no_name_until_id_makes_it_text(field: str) -> None:
    failure = only_failure(mapped(rule(**{field: "${{ event.v }}"}), {"id": 1, "v": 5}))
    assert "write id(…)" in failure.detail


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (-(2**63), "-9223372036854775808"),
        (2**64 - 1, "18446744073709551615"),
        ("007", "007"),
        ("é😀", "é😀"),
        ("x" * 256, "x" * 256),
        ('"],["', '"],["'),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_texts_and_whole_numbers_are_keys_exactly(value: Any, text: str) -> None:
    for once_per in ("${{ event.v }}", "${{ id(event.v) }}"):
        outcome = only_outcome(mapped(rule(once_per=once_per), {"v": value}))
        assert json.loads(outcome.key) == ["desk", "solved", text]


def test_a_key_can_have_several_values() -> None:
    text = rule(once_per='["${{ event.a }}", fixed, "${{ event.b }}-x"]')
    assert (
        only_outcome(mapped(text, {"a": 1, "b": "c"})).key == '["desk","solved","1","fixed","c-x"]'
    )


def test_a_key_too_long_for_the_database_fails() -> None:
    text = rule(once_per="[" + ", ".join(["'${{ event.v }}'"] * 11) + "]")
    failure = only_failure(mapped(text, {"v": "€" * 100}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "once_per")
    assert "more than 2600" in failure.detail


def test_once_per_delivery_is_the_vendors_id_and_the_place_of_the_event() -> None:
    text = rule(once_per="delivery").replace("outcomes:", "events: payload\noutcomes:", 1)
    found = mapped(text, [{}, {}], vendor_id="d-1")
    assert [o.key for o in found.outcomes] == [
        '["desk","solved","d-1","0"]',
        '["desk","solved","d-1","1"]',
    ]


def test_once_per_delivery_without_an_id_fails() -> None:
    failure = only_failure(mapped(rule(once_per="delivery"), {}))
    assert (failure.reason, failure.field) == (Reason.MAPPING, "once_per")


def test_a_missing_look_up_key_names_table_key_and_file() -> None:
    failure = only_failure(mapped(MAPPING, {**SOLVED, "company": 99}))
    assert (failure.reason, failure.field) == (Reason.UNMAPPED, "customer")
    assert 'the table "companies" has no key "99"' in failure.detail
    assert "add the key to tables/companies.yaml" in failure.detail


def test_a_look_up_by_number_says_to_use_id() -> None:
    text = rule(customer='${{ lookup("companies", event.company) }}')
    failure = only_failure(mapped(text, {"id": 1, "company": 1}))
    assert failure.reason is Reason.MAPPING
    assert "id(…)" in failure.detail


def test_a_look_up_with_default() -> None:
    text = rule(customer='${{ lookup("companies", event.company, "unknown") }}')
    assert only_outcome(mapped(text, {"id": 1, "company": "9"})).customer_id == "unknown"


def test_an_empty_default_fails_as_blank() -> None:
    text = rule(customer='${{ lookup("companies", event.company, "") }}')
    assert only_failure(mapped(text, {"id": 1, "company": "9"})).reason is Reason.MAPPING
