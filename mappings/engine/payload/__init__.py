"""The raw body of a delivery to the value that expressions see.

Owns: the way from format to reader. `formats` decides which format a body is in; each format is a
module of its own; `errors` has what they share. Refuses: whatever could become a wrong id or stall
a worker, each with a message of one sentence.
"""

from __future__ import annotations

from mappings.engine.common.errors import shown
from mappings.engine.payload.borderless import FormNames as FormNames, certain_fields
from mappings.engine.payload.errors import (
    INTEGER_MAX as INTEGER_MAX,
    INTEGER_MIN as INTEGER_MIN,
    PayloadError as PayloadError,
)
from mappings.engine.payload.formats import (
    BYTE_ORDER_MARK,
    BodyRules as BodyRules,
    Format as Format,
    Recognised,
    recognised,
)
from mappings.engine.payload.forms import form_fields, parse_form, parse_multipart
from mappings.engine.payload.jsontext import (
    parse_cloud_events,
    parse_json as parse_json,
    parse_json_lines,
    parse_token,
)
from mappings.engine.payload.xmltext import parse_xml


def parse(body: bytes, content_type: str | None = None, rules: BodyRules | None = None) -> object:
    """`body` as dict, list, str, int, float, bool or None.

    It is read as `rules` say, or without them as its content type does: see `formats`. Raises
    PayloadError, and nothing else; time and memory grow no faster than the body.
    """
    found = recognised(body, content_type, rules)
    if found.format is Format.MULTIPART:
        return parse_multipart(body, found.boundary, found.charset)
    if found.format is Format.XML:
        return parse_xml(found.text)
    if found.format is Format.JWT:
        return parse_token(found.text)
    if found.format is Format.FORM:
        if rules is not None and rules.form is not None:
            return certain_fields(form_fields(found.text, None)[0], rules.form)
        return parse_form(found.text, found.charset)
    if found.text.startswith(BYTE_ORDER_MARK):
        raise PayloadError("The body begins with a byte order mark, which JSON must not have.")
    return _read_json(found)


def _read_json(found: Recognised) -> object:
    if found.format is Format.JSON_LINES:
        return parse_json_lines(found.text)
    if found.format is Format.CLOUD_EVENTS:
        return parse_cloud_events(found.text)
    media_type = found.media_type
    try:
        return parse_json(found.text)
    except PayloadError as error:
        if found.by_rules and "Extra data" in str(error):
            message = f"{error} JSON lines need `format: json-lines` in `verify`."
            raise PayloadError(message) from error.__cause__
        if not media_type or "json" in media_type:
            raise
        message = f"{error} Its content type is {shown(media_type)!a}."
        raise PayloadError(message) from error.__cause__
