"""Named fields of a request: of its headers, its query, its form or its JSON body.

Owns the one parser that looks into a body before a delivery is stored. Bounded, and raises
nothing but SignatureError: what cannot be read in exactly one way is malformed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlsplit

from mappings.engine.payload.jsontext import unique_keys
from receiver.signatures.errors import SignatureError
from receiver.signatures.records import Request

MOST_FIELDS = 1000
MOST_PARTS = 32
#: Deeper than any vendor nests what it signs; the scanner itself gives up somewhere behind it.
_JSON_FAULTS = (ValueError, RecursionError)

#: A line break, two dashes, and a boundary of 70 characters (RFC 2046 5.1.1).
_LONGEST_DELIMITER = 74
#: Begins at a line's start only: anywhere else, one long line costs a pass for each try.
_PART_NAME = re.compile(
    rb'^content-disposition:[ \t]*form-data;[^\r\n]*?\bname="([^"\r\n]*)"',
    re.IGNORECASE | re.MULTILINE,
)
_LONGEST_PART_HEAD = 4096

Place = Literal["header", "query", "form", "body"]


@dataclass(frozen=True, slots=True)
class Field:
    """A named value in a request. In a body, `name` is a path of members: `event.event_type`."""

    place: Place
    name: str

    def read(self, request: Request) -> str | None:
        """The text there, None where there is none; raise SignatureError if it is malformed."""
        if self.place == "header":
            return request.headers.get(self.name.lower(), "").strip(" \t") or None
        if self.place == "query":
            return one_of(query_fields(request.url), self.name)
        if self.place == "form":
            return one_of(form_fields(request.body), self.name)
        return text_at(document(request), self.name)


def document(request: Request) -> Mapping[str, Any]:
    """The JSON object of a body, or of the form field `json` of a multipart one; read once."""
    if "document" not in request.read:
        try:
            request.read["document"] = _document(request.body)
        except SignatureError as error:
            request.read["document"] = error
    found: dict[str, Any] | SignatureError = request.read["document"]
    if isinstance(found, SignatureError):
        raise SignatureError(found.cause, found.detail)
    return found


def _document(body: bytes) -> dict[str, Any]:
    value = json_value(_part(body, b"json") if body.startswith(b"--") else body)
    if not isinstance(value, dict):
        raise SignatureError("malformed-body", "the body is no JSON object")
    return value


def json_value(text: bytes | str) -> Any:
    """The JSON value, in which no member occurs twice."""
    try:
        decoded = text if isinstance(text, str) else text.decode()
        return json.loads(decoded, object_pairs_hook=unique_keys, parse_constant=_no_constant)
    except _JSON_FAULTS:
        raise SignatureError("malformed-body", "the body is no readable JSON") from None


def text_at(value: object, path: str) -> str | None:
    """The text or integer at a path of members; None where there is something else or nothing."""
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, str):
        return value
    return str(value) if type(value) is int else None


def query_fields(url: str) -> list[tuple[str, str]]:
    """The decoded parameters of a URL."""
    try:
        return _pairs(urlsplit(url).query)
    except ValueError:
        raise SignatureError("malformed-url") from None


def form_fields(body: bytes) -> list[tuple[str, str]]:
    """The decoded fields of a form body; empty values count."""
    try:
        return _pairs(body.decode("ascii"))
    except ValueError:
        raise SignatureError("malformed-body", "the body is no readable form") from None


def one_of(pairs: Iterable[tuple[str, str]], name: str) -> str | None:
    """The value of that name; raise SignatureError where it is given twice."""
    found = [value for key, value in pairs if key == name]
    if len(found) > 1:
        raise SignatureError("malformed-body", f"{name} is given twice")
    return found[0] if found else None


def _pairs(text: str) -> list[tuple[str, str]]:
    return parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _part(body: bytes, name: bytes) -> bytes:
    """The content of the one part of that name in a multipart body (RFC 7578).

    Its first line has the boundary, so that the content type, which is not signed, has no say.
    """
    delimiter = b"\r\n" + body.partition(b"\r\n")[0]
    if len(delimiter) > _LONGEST_DELIMITER:
        raise SignatureError("malformed-body", "the multipart body begins with no boundary")
    parts = (b"\r\n" + body).split(delimiter, MOST_PARTS)
    found: list[bytes] = []
    for part in parts[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        named = _PART_NAME.search(head, 0, _LONGEST_PART_HEAD)
        if named and named[1] == name:
            found.append(content)
    if len(found) != 1 or len(parts) > MOST_PARTS:
        raise SignatureError("malformed-body", f"no single part {name.decode()}")
    return found[0]
