"""Text that can identify something, and what makes other text fit."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given, strategies as st

from mappings.engine.common.identifiers import nfc, trim, unfit

REFUSED_CATEGORIES = {"Cc", "Cf", "Cs", "Zs", "Zl", "Zp"}


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "a b",
        "ACME-Corp",
        "é",
        "😀",
        "株式会社",
        "\u0645\u0631\u062d\u0628\u0627",
        "x" * 256,
        '"],["',
        "\\",
    ],
    ids=ascii,
)
def test_what_can_identify(text: str) -> None:
    assert unfit(text) is None


UNFIT = {
    "empty": ("", "it is empty", "payload"),
    "blank": (" ", "it is blank (U+0020 SPACE)", "payload"),
    "blank beyond ASCII": ("\u00a0\u3000", "it is blank (U+00A0 NO-BREAK SPACE)", "payload"),
    "invisible alone": ("\u200b", "it is blank (U+200B ZERO WIDTH SPACE)", "payload"),
    "too long": ("x" * 257, "it has 257 characters, more than 256", "shorter"),
    "too long beyond ASCII": ("é" * 257, "it has 257 characters, more than 256", "shorter"),
    "a blank before": (" acme", "it begins with a blank (U+0020)", "trim(x)"),
    "a blank behind": ("acme ", "it ends with a blank (U+0020)", "trim(x)"),
    "a blank behind text beyond ASCII": ("é ", "it ends with a blank (U+0020)", "trim(x)"),
    "a line break": ("a\nb", "it has a control character (U+000A)", 'replace("\\u000a", "")'),
    "NUL": ("a\x00", "it has a control character (U+0000)", "trim(x)"),
    "delete": ("a\x7f", "it has a control character (U+007F)", "trim(x)"),
    "C1": ("a\x9f", "it has a control character (U+009F)", "trim(x)"),
    "half a character": ("a\ud800", "it has half a character (U+D800)", "payload"),
    "zero width behind": ("a\u200b", "an invisible character (U+200B ZERO WIDTH SPACE)", "trim(x)"),
    "zero width inside": ("a\u200bb", "an invisible character (U+200B", 'replace("\\u200b", "")'),
    "no-break space": ("a\u00a0b", "white space other than a plain blank (U+00A0", "replace("),
    "line separator": ("a\u2028b", "white space other than a plain blank (U+2028", "replace("),
    "soft hyphen": ("a\u00adb", "an invisible character (U+00AD SOFT HYPHEN)", "replace("),
    "right-to-left": ("a\u202eb", "an invisible character (U+202E", "replace("),
    "byte order mark": ("\ufeffa", "an invisible character (U+FEFF", "trim(x)"),
    "variation selector": ("a\ufe0f", "an invisible character (U+FE0F", "trim(x)"),
    "filler": ("a\u3164", "an invisible character (U+3164 HANGUL FILLER)", "trim(x)"),
    "tag": ("a\U000e0041b", "an invisible character (U+E0041", 'replace("\\U000e0041", "")'),
    "NFD": ("cafe\u0301", "not in normal form NFC (U+0065 LATIN SMALL LETTER E)", "nfc(x)"),
    "compatibility": ("\u212b", "not in normal form NFC (U+212B ANGSTROM SIGN)", "nfc(x)"),
}


@pytest.mark.parametrize(("text", "message", "remedy"), UNFIT.values(), ids=UNFIT.keys())
def test_what_cannot_identify_is_named_with_what_helps(
    text: str, message: str, remedy: str
) -> None:
    found = unfit(text)
    assert found is not None
    assert message in found.message
    assert remedy in found.remedy


def test_a_character_fault_names_both_functions() -> None:
    for text in (" a", "a\u200b", "a\u200bb", "cafe\u0301"):
        found = unfit(text)
        assert found is not None
        assert "trim(x)" in found.remedy
        assert "nfc(x)" in found.remedy


def test_every_invisible_character_that_python_knows_of_is_refused() -> None:
    characters = map(chr, range(sys.maxunicode + 1))
    passed = [
        f"U+{ord(one):04X}"
        for one in characters
        if one != " "
        and unicodedata.category(one) in REFUSED_CATEGORIES
        and unfit(f"a{one}b") is None
    ]
    assert passed == []


@given(st.text(max_size=6) | st.text("a \u00a0\u200b\ufeff\t\ue000é", max_size=6))
def test_trimmed_and_normal_text_fits_unless_something_is_inside(text: str) -> None:
    found = unfit(nfc(trim(text)))
    if found is not None and trim(text):
        assert "replace(" in found.remedy or "half a character" in found.message
    assert trim(trim(text)) == trim(text)
    assert unfit(text) is not None or nfc(trim(text)) == text
