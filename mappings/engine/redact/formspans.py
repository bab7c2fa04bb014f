"""Where in a URL-encoded form the values stand that are to go.

Owns the form's own fields, and the JSON inside the one field that the form stands for (Slack's
`payload`): the paths apply to that document, and to the fields beside it, which no expression
sees. Every other byte of the form stays as it is escaped. Refuses with NotRedactable what could
hide a document from the walk.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from mappings.engine.payload.errors import PayloadError
from mappings.engine.payload.formats import BYTE_ORDER_MARK
from mappings.engine.payload.forms import (
    WRAPPERS,
    by_name,
    form_fields,
    is_document,
    wrapped_document,
)
from mappings.engine.redact.jsonspans import Span, json_spans
from mappings.engine.redact.paths import MARK, Node, NotRedactable

FIELD_MARK = quote(MARK)
DOCUMENT_MARK = quote(f'"{MARK}"')
_PIECES = re.compile(r"(?P<escaped>(?:%[0-9A-Fa-f]{2})+)|[^%]+|%")


@dataclass(frozen=True, slots=True)
class _Field:
    """A field as read; its value is escaped as `raw`, which begins at `start` of the form."""

    name: str
    value: str
    raw: str
    start: int


def form_spans(text: str, charset: str | None, tree: Node) -> list[Span]:
    """The values to take out, in order."""
    if text.startswith(BYTE_ORDER_MARK):
        raise NotRedactable("it is a form that begins with a byte order mark")
    try:
        pairs, encoding = form_fields(text, charset)
    except PayloadError:
        raise NotRedactable("it is a form whose fields cannot be read") from None
    fields = list(_fields(text, pairs))
    document = wrapped_document(by_name(pairs))
    found: list[Span] = []
    for field in fields:
        if field.name in WRAPPERS and is_document(field.value):
            if field.value != document:
                raise NotRedactable("it is a form with several documents in it")
            found += _in_document(field, encoding, tree)
        else:
            found += _in_field(field, tree)
    return found


def _fields(text: str, pairs: list[tuple[str, str]]) -> Iterator[_Field]:
    """The fields with their places: one for each piece between `&` that is not empty."""
    start = 0
    given = iter(pairs)
    for piece in text.split("&"):
        if piece:
            name, value = next(given)
            raw = piece.partition("=")[2]
            yield _Field(name, value, raw, start + len(piece) - len(raw))
        start += len(piece) + 1


def _in_field(field: _Field, tree: Node) -> Iterator[Span]:
    node = tree.names.get(field.name)
    if node is not None and (node.whole or node.items) and field.raw:
        end = field.start + len(field.raw)
        yield Span(field.start, end, field.value, FIELD_MARK)


def _in_document(field: _Field, encoding: str, tree: Node) -> Iterator[Span]:
    spans = json_spans(field.value, tree)
    if not spans:
        return
    places = _places(field.raw, encoding)
    if len(places) != len(field.value) + 1:
        raise NotRedactable("it is a form whose document cannot be followed byte by byte")
    for span in spans:
        start, end = (field.start + places[at] for at in (span.start, span.end))
        yield Span(start, end, span.value, DOCUMENT_MARK)


def _places(raw: str, encoding: str) -> array[int]:
    """Where in `raw` each character of the value begins, and where the last one ends."""
    places = array("L")
    for piece in _PIECES.finditer(raw):
        start, end = piece.span()
        if piece["escaped"] is None:
            places.extend(range(start, end))
            continue
        for character in unquote_to_bytes(piece[0]).decode(encoding):
            places.append(start)
            start += 3 * len(character.encode(encoding))
    places.append(len(raw))
    return places
