"""Forms whose signature covers names and values, but not the borders between them.

Twilio and Mailchimp Transactional sign their fields joined in the order of their names, so
`Body=NO&From=1` is signed like `Bod=yNOFrom1`. Owns: what makes one reading of such a form certain,
from the names that the vendor documents and those that the mapping reads. Refuses: a form that
could also be cut in another way that bills. It cannot tell whether a text continues with what the
form has as an undocumented field, or the reverse; the first is refused where the mapping reads that
text, unless the field's name occurs in no text by chance. Vendors add fields without notice, so an
uncertain border between fields that no rule reads is accepted.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from mappings.engine.common.errors import shown
from mappings.engine.payload.errors import PayloadError, without_nul

#: Among the fields that are read: any, for their names are worked out.
ANY = "*"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.\[\]-]*")
_NUMBER = re.compile(r"[0-9]+")
#: `MessageSid`, and not `Body`: no text has such a word by chance.
_DISTINCTIVE = re.compile(r"[A-Z][a-z0-9]+[A-Z#]")
#: In JSON inside of JSON it is escaped.
_QUOTE = re.compile(r'\\*"')
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
    form = _Form(fields, names)
    for place, name in _occurrences(names.distinctive, form.text):
        at = form.field_at(place)
        is_certain = _is_border(at, place, name, names) != _is_json_member(form.text, place, name)
        is_torn = not names.knows(at.name) and place < at.name_end < place + len(name)
        matters = is_torn or form.is_read(at, name)
        if not is_certain and matters and not _goes_on(at, place, name, form):
            raise _moved(at, name)
    expected = names.read | (names.together if names.mark in form.places else frozenset())
    for place, name in _occurrences(names.plain, form.text):
        at = form.field_at(place)
        in_name = place + len(name) <= at.name_end and (name == at.name or names.knows(at.name))
        if name not in expected or in_name or not form.is_read(at, name):
            continue
        if name not in form.places or not (place < at.name_end or form.is_text(at, place, name)):
            raise _moved(at, name)
    return {without_nul(form_field.name): without_nul(form_field.value) for form_field in fields}


class _Form:
    """The fields as they are signed; `places` has the index of each by its name."""

    def __init__(self, fields: Sequence[_Field], names: FormNames) -> None:
        self.text = "".join(form_field.name + form_field.value for form_field in fields)
        self.places = {form_field.name: index for index, form_field in enumerate(fields)}
        self._fields = fields
        self._names = names
        self._starts = [form_field.start for form_field in fields]

    def field_at(self, place: int) -> _Field:
        return self._fields[bisect_right(self._starts, place) - 1]

    def is_read(self, at: _Field, name: str) -> bool:
        """Whether a rule reads what would be another value if the named field began in `at`.

        The mark counts as read: which fields are expected rests on it.
        """
        return name == self._names.mark or not self._names.read.isdisjoint((at.name, name, ANY))

    def is_text(self, at: _Field, place: int, name: str) -> bool:
        """Whether the name, which is a field elsewhere, is text in the value of `at`.

        In free text; where that value would else be empty, as `client:` is; or where a field of a
        distinctive name stands between the two, and the order of names allows the one only.
        """
        before = self.text[at.name_end : place]
        if not _STRUCTURED.fullmatch(at.name) or not before or before.endswith(":"):
            return True
        first, last = sorted((self.places[at.name], self.places[name]))
        return any(
            self._names.knows(form_field.name) and _DISTINCTIVE.match(form_field.name)
            for form_field in self._fields[first + 1 : last]
        )


def _laid_out(pairs: Sequence[tuple[str, str]]) -> Iterator[_Field]:
    at = 0
    for name, value in pairs:
        yield _Field(name, value, at)
        at += len(name) + len(value)


def _ensure_names(fields: Sequence[_Field], names: FormNames) -> None:
    """Each once, of the usual form, and no stranger directly behind a text that bills."""
    before: _Field | None = None
    for form_field in fields:
        if before is not None and before.name == form_field.name:
            raise PayloadError(f"The form has the field {shown(form_field.name)!a} twice.")
        known = names.knows(form_field.name)
        if not known and (names.closed or not _NAME.fullmatch(form_field.name)):
            raise PayloadError(
                f"The form has a field {shown(form_field.name)!a} that its vendor has not."
            )
        if not known and before and before.name in names.read and not _is_apart(before, form_field):
            raise PayloadError(
                f"The form's field {shown(form_field.name)!a} is not one that its vendor documents,"
                f" and it is signed directly behind {shown(before.name)!a} without a border:"
                " where that ends is uncertain. Have a rule read the field if it is the vendor's."
            )
        before = form_field


def _is_apart(before: _Field, stranger: _Field) -> bool:
    """Whether no part of the value before it can be the beginning of a strange name."""
    if _DISTINCTIVE.match(stranger.name):
        return True
    return bool(_STRUCTURED.fullmatch(before.name) and _WORDS.match(stranger.name))


def _goes_on(at: _Field, place: int, name: str, form: _Form) -> bool:
    """Whether an unknown name goes on behind that of an id or status, which the form has too."""
    rest = at.name[len(name) :]
    is_longer = place == at.start and _STRUCTURED.fullmatch(name) and _WORDS.match(rest)
    return bool(is_longer and name in form.places)


def _is_border(at: _Field, place: int, name: str, names: FormNames) -> bool:
    """Whether the name stands where that field begins, or inside a longer name that is known."""
    if place == at.start:
        return name == at.name
    return place + len(name) <= at.name_end and names.knows(at.name)


def _is_json_member(text: str, place: int, name: str) -> bool:
    """Whether it stands in quotes, as in the JSON that some fields hold: no field's value does."""
    return text[place - 1 : place] == '"' and bool(_QUOTE.match(text, place + len(name)))


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
