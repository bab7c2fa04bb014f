"""Forms: URL-encoded ones, and multipart (RFC 7578) with the files left out.

A form whose `payload` field (Slack) or `json` field (Dropbox Sign) holds a JSON object or list
is read as that; any other is an object of its fields. Refuses: to read files.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from urllib.parse import parse_qsl

from mappings.engine.payload.charsets import decoded
from mappings.engine.payload.errors import FIELDS_MAX, PayloadError, without_nul
from mappings.engine.payload.jsontext import parse_json
from mappings.engine.payload.parameters import HEADER_BYTES_MAX, parameters

WRAPPERS = ("payload", "json")
_BOUNDARY_CHARS_MAX = 70  # RFC 2046, 5.1.1
_DISPOSITION = re.compile(rb"^content-disposition[ \t]*:(.*)$", re.IGNORECASE | re.MULTILINE)


def parse_form(text: str, charset: str | None) -> object:
    """An `application/x-www-form-urlencoded` body. Raises PayloadError."""
    return _unwrapped(form_fields(text, charset)[0])


def form_fields(text: str, charset: str | None) -> tuple[list[tuple[str, str]], str]:
    """The fields of such a body in order, and the charset they are in. Raises PayloadError.

    There is one for each piece between `&` that is not empty.
    """
    try:
        return _pairs(text, "utf-8"), "utf-8"
    except UnicodeDecodeError as error:
        if charset is None:
            raise PayloadError("The form has a field that is not UTF-8.") from error
    try:
        return _pairs(text, charset), charset
    except UnicodeDecodeError as error:
        raise PayloadError(f"The form has a field that is not {charset.upper()}.") from error


def _pairs(text: str, encoding: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            text,
            keep_blank_values=True,
            errors="strict",
            encoding=encoding,
            max_num_fields=FIELDS_MAX,
        )
    except UnicodeDecodeError:
        raise
    except ValueError as error:
        raise PayloadError(f"The form has more than {FIELDS_MAX} fields.") from error


def parse_multipart(body: bytes, boundary: str | None, charset: str | None) -> object:
    """A `multipart/form-data` body. Raises PayloadError."""
    if not boundary or len(boundary) > _BOUNDARY_CHARS_MAX or not boundary.isascii():
        raise PayloadError("The content type of the multipart form names no proper boundary.")
    return _unwrapped(_fields(body, boundary.encode(), charset))


def _fields(body: bytes, boundary: bytes, charset: str | None) -> Iterator[tuple[str, str]]:
    for part in _parts(body, boundary):
        head, found, content = part.partition(b"\r\n\r\n")
        if not found:
            head, found, content = part.partition(b"\n\n")
        if not found or len(head) > HEADER_BYTES_MAX:
            raise PayloadError("The multipart form has a part without proper headers.")
        disposition = _DISPOSITION.search(head)
        named = parameters(decoded(disposition.group(1), None)) if disposition else {}
        if "name" not in named:
            raise PayloadError("The multipart form has a part without a name.")
        if "filename" not in named and "filename*" not in named:
            yield named["name"], decoded(content, charset)


def _parts(body: bytes, boundary: bytes) -> list[bytes]:
    """What stands between the boundaries, each of which begins a line."""
    line = rb"(?:\A|\r?\n)--" + re.escape(boundary)
    if not re.search(line + rb"--[ \t]*(?:\r?\n|\Z)", body):
        raise PayloadError("The multipart form has no end; it may have been cut off.")
    whole = re.split(line + rb"--[ \t]*(?:\r?\n|\Z)", body, maxsplit=1)[0]
    _, *parts = re.split(line + rb"[ \t]*\r?\n", whole, maxsplit=FIELDS_MAX + 1)
    if len(parts) > FIELDS_MAX:
        raise PayloadError(f"The form has more than {FIELDS_MAX} fields.")
    return parts


def _unwrapped(pairs: Iterable[tuple[str, str]]) -> object:
    fields = by_name((without_nul(name), without_nul(value)) for name, value in pairs)
    document = wrapped_document(fields)
    return fields if document is None else parse_json(document)


def by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, str | list[str]]:
    """The fields as a payload: a name that comes several times has a list."""
    values: dict[str, list[str]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: several if len(several) > 1 else several[0] for name, several in values.items()}


def wrapped_document(fields: Mapping[str, str | list[str]]) -> str | None:
    """The JSON text that the form wraps; None where its fields are the payload."""
    wrapped = [fields[name] for name in WRAPPERS if name in fields]
    documents = [text for text in wrapped if isinstance(text, str) and is_document(text)]
    return documents[0] if len(documents) == 1 else None


def is_document(text: str) -> bool:
    """Whether the text of a wrapping field begins as a JSON object or list."""
    return text.lstrip()[:1] in {"{", "["}
