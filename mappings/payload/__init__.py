"""The raw body of a delivery to the value that expressions see.

Owns: which format a body is in. Each format is a module that owns how it is read; `errors` has
what they share. Refuses: whatever could become a wrong id or stall a worker, each with one
sentence that says what.
"""

from __future__ import annotations

from mappings.payload.charsets import decoded
from mappings.payload.errors import INTEGER_MAX, INTEGER_MIN, PayloadError
from mappings.payload.forms import parameters, parse_form, parse_multipart
from mappings.payload.jsontext import parse_cloud_events, parse_json, parse_json_lines
from mappings.payload.xmltext import declared_charset, parse_xml
from mappings.reading.wording import shown

__all__ = ["INTEGER_MAX", "INTEGER_MIN", "PayloadError", "parse", "parse_json"]

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON_LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "jsonlines")
)
_CLOUD_EVENTS = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json"})
_BLANKS = " \t\r\n"
_MARK = "\ufeff"


def parse(body: bytes, content_type: str | None = None) -> object:
    """`body` as dict, list, str, int, float, bool or None.

    Read as its content type says: a form, a multipart form, JSON lines, CloudEvents. Anything else
    is JSON, or XML if it begins with `<` and is not called JSON; and what is called a form and
    begins as JSON is JSON. Raises PayloadError, and nothing else; time and memory grow no faster
    than the body.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    named = parameters(content_type or "")
    charset = named.get("charset") or declared_charset(body)
    if not body.strip():
        raise PayloadError("The body is empty.")
    if media_type == _MULTIPART:
        return parse_multipart(body, named.get("boundary"), charset)
    text = decoded(body, charset)
    begins = text.lstrip(_BLANKS + _MARK)[:1]
    if begins == "<" and "json" not in media_type:
        return parse_xml(text)
    if media_type == _FORM and begins not in {"{", "["}:
        return parse_form(text, charset)
    if text.startswith(_MARK):
        raise PayloadError("The body begins with a byte order mark, which JSON must not have.")
    return _read_json(text, media_type)


def _read_json(text: str, media_type: str) -> object:
    if media_type in _JSON_LINES:
        return parse_json_lines(text)
    if media_type in _CLOUD_EVENTS:
        return parse_cloud_events(text)
    try:
        return parse_json(text)
    except PayloadError as error:
        if not media_type or "json" in media_type:
            raise
        said = f"{error} Its content type is {shown(media_type)!a}."
        raise PayloadError(said) from error.__cause__
