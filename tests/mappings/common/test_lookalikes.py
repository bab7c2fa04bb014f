"""Identifiers that look alike have one skeleton; others have not."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, strategies as st

from mappings.engine.common.lookalikes import lookalikes, skeleton

ALIKE = {
    "case": ("acme-corp", "ACME-Corp"),
    "hyphen and blank": ("acme-corp", "acme corp"),
    "underscore": ("acme-corp", "acme_corp"),
    "no separator": ("acme-corp", "acmecorp"),
    "two separators": ("acme-corp", "acme - corp"),
    "another dash": ("acme-corp", "acme\u2013corp"),
    "a blank at an end": ("acme-corp", "acme-corp "),
    "a no-break space": ("acme corp", "acme\u00a0corp"),
    "a zero-width space": ("acme-corp", "ac\u200bme-corp"),
    "a dot": ("acme-inc", "acme inc."),
    "zero and o": ("acme-co", "acme-c0"),
    "zero and capital O": ("ACME-CO", "ACME-C0"),
    "one and l": ("global", "g1obal"),
    "an accent": ("café", "cafe"),
    "decomposed": ("café", "cafe\u0301"),
    "full width": ("acme", "\uff41\uff43\uff4d\uff45"),
    "a ligature": ("office", "o\ufb03ce"),
    "Cyrillic small letters": ("acme-corp", "\u0430\u0441me-\u0441orp"),
    "Cyrillic capitals": ("ACME", "\u0410\u0421ME"),
    "Greek capitals": ("HEAT", "\u0397EAT"),
}
DIFFERENT = {
    "another name": ("acme-corp", "globex"),
    "another number": ("customer-12", "customer-13"),
    "a border between digits": ("2024-1", "20241"),
    "moved border between digits": ("1-12", "11-2"),
    "plural": ("acme", "acmes"),
}


@pytest.mark.parametrize(("one", "other"), ALIKE.values(), ids=ALIKE.keys())
def test_identifiers_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert skeleton(one) == skeleton(other)


@pytest.mark.parametrize(("one", "other"), DIFFERENT.values(), ids=DIFFERENT.keys())
def test_identifiers_that_do_not_look_alike_have_not(one: str, other: str) -> None:
    assert skeleton(one) != skeleton(other)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_numbers_never_look_alike(one: int, other: int) -> None:
    assert (skeleton(f"c{one}") == skeleton(f"c{other}")) == (one == other)


@given(st.text(min_size=1, max_size=8))
def test_a_skeleton_is_never_empty_and_knows_no_normal_form(text: str) -> None:
    assert skeleton(text)
    assert skeleton(unicodedata.normalize("NFD", text)) == skeleton(
        unicodedata.normalize("NFC", text)
    )


def test_groups_hold_each_identifier_once() -> None:
    found = lookalikes(["acme", "Acme", "globex", "acme", "g1obex", "initech"])
    assert found == (("Acme", "acme"), ("g1obex", "globex"))


def test_identifiers_of_signs_alone_do_not_all_look_alike() -> None:
    assert lookalikes(["-", "_", ""]) == ()
