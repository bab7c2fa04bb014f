"""Which text can identify an agent, a customer, an indicator or what bills once.

Owns: the rule for characters, and `trim` and `nfc`, which make text fit it. Text that a person
cannot tell from another text identifies nothing: a customer with a zero-width space behind the name
would be a second customer, at the general price. Refused are
- control characters and halves of characters (categories Cc and Cs), and noncharacters;
- white space other than the plain blank U+0020, which may stand inside but not at an end;
- invisible characters: category Cf, and what Unicode's Default_Ignorable_Code_Point lists beyond
  it (variation selectors, fillers), and the empty Braille pattern;
- text that is not in normal form C: the same letters in other code points.
Case is kept. Refuses: to change an identifier that it was not asked to change.

The characters are written out, so that one Python version is not stricter than another; a test
compares them with `unicodedata`. https://www.unicode.org/Public/UCD/latest/ucd/
"""

from __future__ import annotations

import re
import unicodedata

from mappings.engine.common.errors import InvalidValue

CHARS_MAX = 256

_PLANES = "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
#: The inside of a character class: everything refused but the plain blank.
REFUSED = (
    "\x00-\x1f\x7f-\xa0\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160"
    "\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164"
    "\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd"
    f"\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff{_PLANES}"
)
_UNFIT = re.compile(f"[{REFUSED}]")
_AT_AN_END = re.compile(f"\\A[ {REFUSED}]+|[ {REFUSED}]+\\Z")
_BASIC_PLANE = 0xFFFF
_WHITE_SPACE = frozenset({"Zs", "Zl", "Zp"})
_REMEDY = "trim(x) takes blanks and invisible characters off its ends, nfc(x) gives normal form NFC"


def unfit(text: str) -> InvalidValue | None:
    """Why `text` cannot identify anything; None if it can."""
    if len(text) > CHARS_MAX:
        return _too_long(text)
    return illegible(text)


def illegible(text: str) -> InvalidValue | None:
    """The same for text of any length."""
    if text.isascii() and text.isprintable() and text.strip() == text != "":
        return None
    if not trim(text):
        return _blank(text)
    found = _UNFIT.search(text)
    return _character(text, found.group()) if found else _form(text)


def trim(text: str) -> str:
    """`text` without white space and invisible characters at its ends."""
    return _AT_AN_END.sub("", text)


def nfc(text: str) -> str:
    """`text` in Unicode's normal form C: one code point for each letter that has its own."""
    return unicodedata.normalize("NFC", text)


def _blank(text: str) -> InvalidValue:
    remedy = "look at the payload, or make `when` stricter"
    if not text:
        return InvalidValue("it is empty", remedy)
    return InvalidValue(f"it is blank ({_named(text[0])})", remedy)


def _too_long(text: str) -> InvalidValue:
    message = f"it has {len(text)} characters, more than {CHARS_MAX}"
    return InvalidValue(message, "look at the payload, or map something shorter")


def _character(text: str, character: str) -> InvalidValue:
    category = unicodedata.category(character)
    if category == "Cs":
        return InvalidValue(f"it has half a character ({_named(character)})", "look at the payload")
    kind = "an invisible character"
    if category == "Cc":
        kind = "a control character"
    elif category in _WHITE_SPACE:
        kind = "white space other than a plain blank"
    remedy = _REMEDY
    if character in trim(text):
        code = ord(character)
        escape = f"\\U{code:08x}" if code > _BASIC_PLANE else f"\\u{code:04x}"
        remedy = f'x.replace("{escape}", "") takes it out; {_REMEDY}'
    return InvalidValue(f"it has {kind} ({_named(character)})", remedy)


def _form(text: str) -> InvalidValue | None:
    """What is wrong with text whose characters are all fit."""
    if text.strip(" ") != text:
        where = "begins" if text.startswith(" ") else "ends"
        return InvalidValue(f"it {where} with a blank (U+0020)", _REMEDY)
    if not unicodedata.is_normalized("NFC", text):
        return InvalidValue(f"it is not in normal form NFC ({_first_difference(text)})", _REMEDY)
    return None


def _first_difference(text: str) -> str:
    """The first code point that the normal form has otherwise."""
    pairs = zip(text, nfc(text), strict=False)
    return _named(next((one for one, other in pairs if one != other), text[-1]))


def _named(character: str) -> str:
    return f"U+{ord(character):04X} {unicodedata.name(character, '')}".rstrip()
