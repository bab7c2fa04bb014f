"""Forms of which the signature covers names and values, but not where one ends.

Twilio and Mailchimp Transactional sign their fields joined together in the order of their names, so
`Body=NO&From=1` is signed like `Bod=yNOFrom1`. Owns what makes one reading of such a form certain:
the names that the vendor documents and those that the mapping reads. Refuses a form that could also
be cut in another way that bills. Two things it cannot tell: whether a text went on with what the
form has as an undocumented field, or the other way round; the first is refused where the mapping
reads that text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mappings.payload.errors import PayloadError, without_nul
from mappings.reading.wording import shown

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]-]*")
_NUMBER = re.compile(r"[0-9]+")
#: `MessageSid`, and not `Body`: no text has such a word by chance.
_DISTINCTIVE = re.compile(r"[A-Z][a-z0-9]+[A-Z#]")
#: How a vendor's names begin, and no id or number does behind its first characters.
_WORDS = re.compile(r"[A-Z][a-z]")
_PLAIN = re.compile(r"[A-Z][a-z0-9]*")
#: Values that are no free text, so that no plain name belongs in them.
_STRUCTURED = re.compile(
    r"From|To|Caller|Called|Direction|Digits|Timestamp|WaId"
    r"|\w*(?:Sid|Status|Version|Media|Segments|Duration|Code|Zip|Country)"
)


@dataclass(frozen=True)
class FormNames:
    """The names of fields: `documented` by the vendor (`#` is a number), and `read` by the mapping.

    A `closed` form has no others. Where the field `mark` is, those of `together` are too.
    """

    documented: frozenset[str]
    closed: bool = False
    mark: str = ""
    together: frozenset[str] = frozenset()
    read: frozenset[str] = field(default=frozenset())

    def knows(self, name: str) -> bool:
        """Whether the vendor or the mapping has such a field."""
        return name in self.read or _NUMBER.sub("#", name) in self.documented

    @cached_property
    def distinctive(self) -> re.Pattern[str]:
        """Where one of the names stands that are no ordinary word, the longest first."""
        known = self.documented | self.read
        return _anywhere(name for name in known if _DISTINCTIVE.match(name))

    @cached_property
    def plain(self) -> re.Pattern[str]:
        """The same of those that are: names that the mapping reads, or that are always there."""
        return _anywhere(name for name in self.read | self.together if _PLAIN.fullmatch(name))


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    value: str
    start: int

    @property
    def name_end(self) -> int:
        return self.start + len(self.name)


def certain_fields(pairs: Iterable[tuple[str, str]], names: FormNames) -> dict[str, str]:
    """The fields by name. Raises PayloadError where their borders may have been moved."""
    fields = list(_laid_out(sorted(set(pairs))))
    _ensure_names(fields, names)
    text = "".join(one.name + one.value for one in fields)
    starts = [one.start for one in fields]
    for place, name in _occurrences(names.distinctive, text):
        at = fields[bisect_right(starts, place) - 1]
        if _is_border(at, place, name, names) == _is_json_member(text, place, name):
            raise _moved(at, name)
    present = {one.name for one in fields}
    expected = names.read | (names.together if names.mark in present else frozenset())
    for place, name in _occurrences(names.plain, text):
        at = fields[bisect_right(starts, place) - 1]
        in_name = place < at.name_end and (name == at.name or names.knows(at.name))
        in_text = not _STRUCTURED.fullmatch(at.name) and name in present
        if name in expected and not in_name and not (place >= at.name_end and in_text):
            raise _moved(at, name)
    return {without_nul(one.name): without_nul(one.value) for one in fields}


def _laid_out(pairs: Sequence[tuple[str, str]]) -> Iterator[_Field]:
    at = 0
    for name, value in pairs:
        yield _Field(name, value, at)
        at += len(name) + len(value)


def _ensure_names(fields: Sequence[_Field], names: FormNames) -> None:
    """Each once, of the usual form, and no stranger directly behind a text that bills."""
    before: _Field | None = None
    for one in fields:
        if before is not None and before.name == one.name:
            raise PayloadError(f"The form has the field {shown(one.name)!a} twice.")
        known = names.knows(one.name)
        if not known and (names.closed or not _NAME.fullmatch(one.name)):
            raise PayloadError(f"The form has a field {shown(one.name)!a} that its vendor has not.")
        if not known and before and before.name in names.read and not _is_apart(before, one):
            raise PayloadError(
                f"The form's field {shown(one.name)!a} is not one that its vendor documents, and it"
                f" is signed directly behind {shown(before.name)!a} without a border: where that"
                " ends is uncertain. Have a rule read the field if it is the vendor's."
            )
        before = one


def _is_apart(before: _Field, stranger: _Field) -> bool:
    """Whether no part of the value before it can be the beginning of a strange name."""
    return bool(_STRUCTURED.fullmatch(before.name) and _WORDS.match(stranger.name))


def _is_border(at: _Field, place: int, name: str, names: FormNames) -> bool:
    """Whether the name stands where that field begins, or inside a longer name that is known."""
    if place == at.start:
        return name == at.name
    return place + len(name) <= at.name_end and names.knows(at.name)


def _is_json_member(text: str, place: int, name: str) -> bool:
    """Whether it stands in quotes, as in the JSON that some fields hold: no field's value does."""
    return text[place - 1 : place] == text[place + len(name) :][:1] == '"'


def _moved(at: _Field, name: str) -> PayloadError:
    return PayloadError(
        f"The form's field {shown(at.name)!a} holds {name!a}, the name of another: no border"
        " between names and values is signed, so one may have been moved."
    )


def _anywhere(names: Iterable[str]) -> re.Pattern[str]:
    longest_first = sorted(names, key=len, reverse=True)
    words = "|".join(re.escape(name).replace(r"\#", "[0-9]+") for name in longest_first)
    return re.compile(f"(?=[A-Z])(?=({words}))" if words else r"(?!)")


def _occurrences(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    return ((found.start(), found[1]) for found in pattern.finditer(text))
