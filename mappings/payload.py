r"""The raw body of a delivery to the value that expressions see.

Owns: strict JSON (RFC 8259, plus I-JSON's refusals of RFC 7493: duplicate keys, lone surrogates,
numbers that lose digits) and the form bodies that some senders wrap it in. Null members of
objects are left out, so that they count as absent; null items of lists stay.
A NUL stands as U+0001: cel-expr-python 0.1.3 cuts every text at its first NUL, and then
"7\0x" would bill as "7". An id may hold neither, so such an id fails, and a comment does not.
Refuses: whatever could become a wrong id or stall a worker, each with one sentence that says what.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from typing import Any, NoReturn
from urllib.parse import parse_qsl

from mappings.reading.wording import shown

DEPTH_MAX = 64
NUMBER_CHARS_MAX = 100
FIELDS_MAX = 1000
#: What CEL can hold: its int and uint are 64 bits wide.
INTEGER_MIN = -(2**63)
INTEGER_MAX = 2**64 - 1

_FOR_NUL = "\x01"
_FORM = "application/x-www-form-urlencoded"
#: A string, closed or not: one that must match at every quote, or an open one costs a pass each.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[{]|[\]}]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class PayloadError(Exception):
    """The body cannot be read; the message says in one sentence why."""


def parse(body: bytes, content_type: str | None = None) -> object:
    """`body` as dict, list, str, int, float, bool or None.

    Anything but a form is read as JSON, whatever its content type says. A form whose `payload`
    field holds a JSON object or list stands for that; any other form is an object of its fields,
    text, or a list of text where a field is repeated. Raises PayloadError, and nothing else; time
    and memory grow no faster than the body.
    """
    text = _decoded(body)
    media_type = (content_type or "").partition(";")[0].strip().lower()
    if media_type == _FORM:
        return _parse_form(text)
    try:
        return parse_json(text)
    except PayloadError as error:
        if not media_type or "json" in media_type:
            raise
        said = f"{error} Its content type is {shown(media_type)!a}."
        raise PayloadError(said) from error.__cause__


def _decoded(body: bytes) -> str:
    if not body.strip():
        raise PayloadError("The body is empty.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise PayloadError(f"The body is not UTF-8 at byte {error.start + 1}.") from error
    if text.startswith("\ufeff"):
        raise PayloadError("The body begins with a byte order mark, which JSON must not have.")
    return text


def parse_json(text: str) -> object:
    """JSON in `text`, which must hold no lone surrogates itself, as `parse` reads it."""
    _refuse_depth(text)
    try:
        value: object = json.loads(
            text,
            object_pairs_hook=_object,
            parse_int=_integer,
            parse_float=_float,
            parse_constant=_refuse_constant,
        )
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise PayloadError(f"The body is not JSON: {error.msg} ({place}).") from error
    _refuse_lone_surrogates(text, value)
    return _without_nul(value) if "\\u0000" in text else value


def _refuse_depth(text: str) -> None:
    """Before parsing, because the parser recurses."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > DEPTH_MAX:
            raise PayloadError(f"The JSON is nested deeper than {DEPTH_MAX} levels.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = json.dumps(counts.most_common(1)[0][0])
        raise PayloadError(f"The JSON has the key {shown(twice)} twice in one object.")
    return {key: value for key, value in pairs if value is not None}


def _integer(digits: str) -> int:
    if len(digits) <= NUMBER_CHARS_MAX:
        number = int(digits)
        if INTEGER_MIN <= number <= INTEGER_MAX:
            return number
    raise PayloadError(f"The JSON has a whole number beyond 64 bits, {shown(digits)}.")


def _float(digits: str) -> float:
    number = float(digits) if len(digits) <= NUMBER_CHARS_MAX else math.inf
    if math.isinf(number):
        raise PayloadError(f"The JSON has a number that cannot be held, {shown(digits)}.")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise PayloadError(f"The JSON has {name}, which is no JSON number.")


def _refuse_lone_surrogates(text: str, value: object) -> None:
    """Only an escape can bring one in: UTF-8 itself holds none."""
    if not _SURROGATE_ESCAPE.search(text.encode("utf-8")):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise PayloadError("The JSON has half a character (a lone surrogate) in a text.") from error


def _without_nul(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", _FOR_NUL)
    if isinstance(value, list):
        return [_without_nul(item) for item in value]
    if isinstance(value, dict):
        return _object([(_without_nul(key), _without_nul(item)) for key, item in value.items()])
    return value


def _parse_form(text: str) -> object:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except UnicodeDecodeError as error:
        raise PayloadError("The form has a field that is not UTF-8.") from error
    except ValueError as error:
        raise PayloadError(f"The form has more than {FIELDS_MAX} fields.") from error
    fields: dict[str, str | list[str]] = {}
    for name, value in ((_without_nul(name), _without_nul(value)) for name, value in pairs):
        before = fields.get(name)
        if before is None:
            fields[name] = value
        elif isinstance(before, list):
            before.append(value)
        else:
            fields[name] = [before, value]
    payload = fields.get("payload")
    if isinstance(payload, str) and payload.lstrip()[:1] in {"{", "["}:
        return parse_json(payload)
    return fields
