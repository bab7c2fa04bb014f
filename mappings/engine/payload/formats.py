"""Which format a body is in, decided once for reading and for redaction.

Owns that decision: by the rules of the source, since no signature covers a content type, or where
the source has none by content type, charset and first character. Refuses: to read any format.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from mappings.engine.payload.borderless import FormNames
from mappings.engine.payload.charsets import decoding, known_charset
from mappings.engine.payload.errors import PayloadError
from mappings.engine.payload.parameters import parameters, single
from mappings.engine.payload.xmltext import declared_charset

BYTE_ORDER_MARK = "\ufeff"

_FORM = "application/x-www-form-urlencoded"
_MULTIPART = "multipart/form-data"
_JSON_LINES = frozenset(
    f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines", "jsonlines")
)
_CLOUD_EVENTS = frozenset({"application/cloudevents+json", "application/cloudevents-batch+json"})
_BLANKS = " \t\r\n"
_DASHES = b"--"
_LINE_BREAK = b"\r\n"
#: A form begins with a name and `=`, such as `data[id]=`; no JSON or XML begins like a name.
_FIELD_BEGINS = re.compile(r"[^\s=&<>{}\[\]\"][^\s=&<>{}\"]*=")
_LONGEST_FIELD_NAME = 1024
_JSON_BEGINS = frozenset('{["')
#: `{"` in base64url: a token begins with its header.
_JWT_BEGINS = "ey"


class Format(StrEnum):
    """What a body is to be read as."""

    JSON = "JSON"
    JSON_LINES = "JSON lines"
    CLOUD_EVENTS = "CloudEvents"
    FORM = "a form"
    MULTIPART = "a multipart form"
    XML = "XML"
    JWT = "a signed token"


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyRules:
    """How the bodies of a source are read, whatever their content type.

    `formats` are those that its vendor sends; with none, any that the first characters show.
    `by_content_type` is for unsigned bodies, which are read by their content type. Texts are in
    `charset` where they are not UTF-8. A body that begins with one of `not_first`, or ends
    with one of `not_last`, may have been cut elsewhere than its sender did, and is refused. `form`
    has the names of fields whose borders are not signed; such a form is read as its fields alone.
    """

    formats: tuple[Format, ...] = ()
    by_content_type: bool = False
    charset: str = "utf-8"
    not_first: str = ""
    not_last: str = ""
    form: FormNames | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recognised:
    """A body and its format.

    `text` is the body as `codec` decodes it, a byte order mark of UTF-8 left in it; both are ""
    for a multipart form, whose parts have charsets of their own. `charset` is what was said.
    `media_type` is lower-case, "" where none was said or, `by_rules`, where it does not matter.
    """

    format: Format
    charset: str | None
    text: str = ""
    media_type: str = ""
    codec: str = ""
    boundary: str | None = None
    by_rules: bool = False


def recognised(body: bytes, content_type: str | None, rules: BodyRules | None = None) -> Recognised:
    """The format of `body`: by `rules`, or without them by its content type.

    Anything else is JSON, or XML if it begins with `<` and is not called JSON; and what is called
    a form and begins as JSON is JSON. Raises PayloadError for an empty body and for bytes that
    are no text.
    """
    if rules is not None and not rules.by_content_type:
        return _by_rules(body, rules)
    content_type = single(content_type or "")
    media_type = content_type.partition(";")[0].strip().lower()
    named = parameters(content_type)
    charset = named.get("charset") or declared_charset(body)
    if not body.strip():
        raise PayloadError("The body is empty.")
    if media_type == _MULTIPART:
        if rules is not None:
            _refuse_preamble(body, named.get("boundary", ""))
        return Recognised(
            format=Format.MULTIPART,
            media_type=media_type,
            charset=charset,
            boundary=named.get("boundary"),
        )
    text, codec = decoding(body, charset)
    return Recognised(
        format=_format(text, media_type),
        text=text,
        media_type=media_type,
        charset=known_charset(charset),
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


def _refuse_preamble(body: bytes, boundary: str) -> None:
    """A boundary elsewhere than at the beginning may be part of a text."""
    if _first_line(body) != _DASHES + boundary.encode("utf-8", "replace"):
        raise PayloadError("The multipart form does not begin with its boundary.")


def _first_line(body: bytes) -> bytes:
    """The first line that is not empty: some senders put a line break before the boundary."""
    return body.lstrip(_LINE_BREAK).partition(b"\n")[0].rstrip()


def _by_rules(body: bytes, rules: BodyRules) -> Recognised:
    if not body.strip():
        raise PayloadError("The body is empty.")
    _refuse_moved(body, rules)
    first = _first_line(body)
    if first.startswith(_DASHES) and (not rules.formats or Format.MULTIPART in rules.formats):
        return Recognised(
            format=Format.MULTIPART,
            charset=rules.charset,
            boundary=first.removeprefix(_DASHES).decode("latin-1"),
            by_rules=True,
        )
    charset = declared_charset(body) or rules.charset
    try:
        text, codec = decoding(body, charset)
    except PayloadError as error:
        raise PayloadError(f"{error} Say what it is by `charset` in `verify`.") from error
    found = _shown(text, rules.formats)
    if rules.formats and found not in rules.formats:
        sent = " or ".join(rules.formats)
        raise PayloadError(
            f"The body begins as {found}, and this source sends {sent}; "
            "if its vendor does send that, say so by `format` in `verify`."
        )
    return Recognised(format=found, text=text, charset=charset, codec=codec, by_rules=True)


def _refuse_moved(body: bytes, rules: BodyRules) -> None:
    for char, others, end in (
        (body[:1], rules.not_first, "begins"),
        (body[-1:], rules.not_last, "ends"),
    ):
        if char.decode("latin-1") in others:
            raise PayloadError(
                f"The body {end} with {char.decode()!a}, which may have been moved there from what "
                "is signed beside it: nothing stands between the two."
            )


def _shown(text: str, formats: tuple[Format, ...]) -> Format:
    """The format that the text's first characters show; JSON where they show none."""
    start = text.lstrip(_BLANKS + BYTE_ORDER_MARK)
    if start[:1] == "<":
        return Format.XML
    if Format.JWT in formats and start.startswith(_JWT_BEGINS):
        return Format.JWT
    if start[:1] not in _JSON_BEGINS and _FIELD_BEGINS.match(start[:_LONGEST_FIELD_NAME]):
        return Format.FORM
    if start[:2] == "--":
        return Format.MULTIPART
    kinds = [one for one in (Format.JSON_LINES, Format.CLOUD_EVENTS) if one in formats]
    if kinds:
        return kinds[0]
    packs_event = '"specversion"' in text and '"data_base64"' in text
    return Format.CLOUD_EVENTS if packs_event and not formats else Format.JSON
