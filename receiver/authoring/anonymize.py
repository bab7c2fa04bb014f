"""Personal data and secrets taken out of a JSON value, its shape and types kept.

Pure. Owns what counts as such, by the name of a member and by the form of its text, and what
stands there instead: the same text becomes the same stand-in everywhere, so that what was equal
stays so. Numbers stay, unless they are phone numbers by name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from mappings.engine.redact.paths import MARK

Path = tuple[str | int, ...]

#: Looked for from where a word begins: from each of its letters, a mebibyte of them takes an hour.
_EMAIL = re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(r"\+?\d[\d ()./-]{7,18}\d")
_IPV4 = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")
_URL = re.compile(r"https?://\S+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
#: Long, without blanks, letters and digits mixed: a token, a key, a signature.
_TOKEN = re.compile(r"(?=[^\s]*\d)(?=[^\s]*[A-Za-z])[\w+/=.~-]{24,}")

#: Whole words of a member's name (`firstName`, `first_name` and `first-name` are two words each).
_WORDS = {
    "token": "token secret password passwd apikey signature authorization jwt",
    "email": "email mail",
    "phone": "phone mobile fax telephone tel cell",
    "ip": "ip",
    "address": "address street city zip postcode postal",
    "name": "name firstname lastname fullname username surname nickname",
    "text": "subject description comment note notes message text html content title summary "
    "answer snippet",
}
_KINDS = {kind: frozenset(words.split()) for kind, words in _WORDS.items()}
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(slots=True)
class Redaction:
    """Stand-ins given so far: equal texts of one kind get equal ones."""

    _given: dict[tuple[str, str], str] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)

    def apply(self, value: Any, paths: frozenset[Path]) -> Any:
        """A copy of the value with the texts at these paths replaced."""
        return self._copy(value, paths, ())

    def _copy(self, value: Any, paths: frozenset[Path], here: Path) -> Any:
        if isinstance(value, dict):
            return {key: self._copy(one, paths, (*here, key)) for key, one in value.items()}
        if isinstance(value, list):
            return [self._copy(one, paths, (*here, index)) for index, one in enumerate(value)]
        if here not in paths:
            return value
        kind = kind_of(here, value) or "text"
        if not isinstance(value, str):
            return int("5550100".ljust(len(str(value)), "0")[: len(str(value))])
        return self._stand_in(kind, value)

    def _stand_in(self, kind: str, text: str) -> str:
        key = (kind, text)
        if key not in self._given:
            self._numbers[kind] = number = self._numbers.get(kind, 0) + 1
            self._given[key] = _STAND_INS[kind](number, text)
        return self._given[key]


def candidates(value: Any, here: Path = ()) -> Iterator[Path]:
    """Where personal data or secrets stand."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield from candidates(one, (*here, key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from candidates(one, (*here, index))
    elif kind_of(here, value) is not None:
        yield here


def kind_of(path: Path, value: Any) -> str | None:
    """What kind of personal data or secret it is; None for what may stay."""
    named = _kind_by_name(path)
    if isinstance(value, bool) or value in (None, "", MARK):
        return None
    if not isinstance(value, str):
        return "phone" if named == "phone" and isinstance(value, int) and value > 0 else None
    return _kind_by_form(value) or (None if _DATE.match(value) or _UUID.fullmatch(value) else named)


def path_text(path: Path) -> str:
    """`event.items[0].email`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".") or "the payload"


def _kind_by_form(text: str) -> str | None:
    if _EMAIL.search(text):
        return "email" if _EMAIL.fullmatch(text) else "text"
    if _DATE.match(text) or _UUID.fullmatch(text):
        return None
    if _URL.search(text):
        return "url" if _URL.fullmatch(text) else "text"
    if _IPV4.fullmatch(text):
        return "ip"
    if _PHONE.fullmatch(text) and not text.isdigit():
        return "phone"
    return "token" if _TOKEN.fullmatch(text) else None


def _kind_by_name(path: Path) -> str | None:
    names = [step for step in path if isinstance(step, str)]
    words = {word.lower() for word in _WORD.findall(names[-1])} if names else set()
    words.add("".join(_WORD.findall(names[-1])).lower() if names else "")
    for kind, wanted in _KINDS.items():
        if words & wanted:
            return kind
    return None


def _text_like(number: int, text: str) -> str:
    words = f"Text {number} of a redacted payload"
    return words if len(text) >= len(words) else f"Text {number}"


_STAND_INS: dict[str, Callable[[int, str], str]] = {
    "email": lambda number, _text: f"person{number}@example.com",
    "phone": lambda number, _text: f"+1 555 0100 {number:03}",
    "ip": lambda number, _text: f"192.0.2.{number % 254 + 1}",
    "url": lambda number, _text: f"https://example.com/{number}",
    "token": lambda number, text: f"redacted-{number}".ljust(min(len(text), 64), "0"),
    "name": lambda number, _text: f"Name {number}",
    "address": lambda number, _text: f"Address {number}",
    "text": _text_like,
}
