"""Which format a body is in, decided once for whoever reads it and whoever redacts it.

Owns that decision, by content type, charset and first character. Refuses: to read any format.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mappings.payload.charsets import decoding
from mappings.payload.errors import PayloadError
from mappings.payload.parameters import parameters
from mappings.payload.xmltext import declared_charset

BYTE_ORDER_MARK = "\ufeff"

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON_LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "jsonlines")
)
_CLOUD_EVENTS = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json"})
_BLANKS = " \t\r\n"


class Format(StrEnum):
    """What a body is to be read as."""

    JSON = "JSON"
    JSON_LINES = "JSON lines"
    CLOUD_EVENTS = "CloudEvents"
    FORM = "a form"
    MULTIPART = "a multipart form"
    XML = "XML"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A body and its format.

    `text` is the body as `codec` decodes it, a byte order mark of UTF-8 left in it; both are ""
    for a multipart form, whose parts have charsets of their own. `charset` is what was said.
    `media_type` is lower-case, "" where none was said.
    """

    format: Format
    text: str
    media_type: str
    charset: str | None
    codec: str = ""
    boundary: str | None = None


def recognised(body: bytes, content_type: str | None) -> Recognised:
    """The format of `body`: that which its content type says.

    Anything else is JSON, or XML if it begins with `<` and is not called JSON; and what is called
    a form and begins as JSON is JSON. Raises PayloadError for an empty body and for bytes that
    are no text.
    """
    media_type = (content_type or "").partition(";")[0].strip().lower()
    named = parameters(content_type or "")
    charset = named.get("charset") or declared_charset(body)
    if not body.strip():
        raise PayloadError("The body is empty.")
    if media_type == _MULTIPART:
        return Recognised(
            format=Format.MULTIPART,
            text="",
            media_type=media_type,
            charset=charset,
            boundary=named.get("boundary"),
        )
    text, codec = decoding(body, charset)
    return Recognised(
        format=_format(text, media_type),
        text=text,
        media_type=media_type,
        charset=charset,
        codec=codec,
    )


def _format(text: str, media_type: str) -> Format:
    begins = text.lstrip(_BLANKS + BYTE_ORDER_MARK)[:1]
    if begins == "<" and "json" not in media_type:
        return Format.XML
    if media_type == _FORM and begins not in {"{", "["}:
        return Format.FORM
    if media_type in _JSON_LINES:
        return Format.JSON_LINES
    return Format.CLOUD_EVENTS if media_type in _CLOUD_EVENTS else Format.JSON
