"""Strict JSON: RFC 8259, plus I-JSON's refusals of RFC 7493.

Owns: JSON, JSON lines, CloudEvents and the claims of a signed token. Null members of objects are
left out, so that they count as absent; null items of lists stay. Refuses: duplicate keys, lone
surrogates, numbers that lose digits, deep nesting: whatever could become a wrong id or stall a
worker.
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections import Counter
from typing import Any, NoReturn

from mappings.engine.common.errors import shown
from mappings.engine.payload.errors import (
    DEPTH_MAX,
    INTEGER_MAX,
    INTEGER_MIN,
    PayloadError,
    without_nul,
)

NUMBER_CHARS_MAX = 100
LINES_MAX = 10_000
_TOKEN_PARTS = 3

#: A string, closed or not: one that must match at every quote, or an open one costs a pass each.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_BRACKET = re.compile(r"[\[{]|[\]}]")
_SURROGATE_ESCAPE = re.compile(rb"\\u[dD][89a-fA-F]")


class DuplicateKey(ValueError):
    """An object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(f"the key {key!r} is duplicated")
        self.key = key


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object; for `object_pairs_hook`. Raises DuplicateKey: readers differ in which counts."""
    members = dict(pairs)
    if len(members) < len(pairs):
        raise DuplicateKey(Counter(key for key, _ in pairs).most_common(1)[0][0])
    return members


def parse_json(text: str) -> object:
    """JSON in `text`, which must hold no lone surrogates itself. Raises PayloadError."""
    refuse_depth(text)
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
    return _without_nuls(value) if "\\u0000" in text else value


def parse_json_lines(text: str) -> object:
    """The list of the values of JSON lines (https://jsonlines.org); blank lines are passed over."""
    if text.count("\n") >= LINES_MAX:
        raise PayloadError(f"The body has more than {LINES_MAX} lines.")
    values: list[object] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            values.append(parse_json(line))
        except PayloadError as error:
            raise PayloadError(f"In line {number}: {error}") from error.__cause__
    return values


def parse_cloud_events(text: str) -> object:
    """A CloudEvent, or a batch of them, in JSON (CloudEvents 1.0, JSON event format).

    JSON that a sender put in `data_base64` stands in `data` as well.
    """
    value = parse_json(text)
    for event in value if isinstance(value, list) else [value]:
        if isinstance(event, dict) and "data" not in event:
            _read_data(event)
    return value


def parse_token(text: str) -> object:
    """The claims of a signed token (JWT, RFC 7519), whose signature was judged before.

    Raises PayloadError.
    """
    parts = text.strip().split(".")
    if len(parts) != _TOKEN_PARTS:
        raise PayloadError("The body is not a token of three parts separated by dots.")
    claims = parts[1]
    try:
        decoded = base64.b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_", validate=True)
        return parse_json(decoded.decode("utf-8"))
    except ValueError as error:  # binascii.Error and UnicodeDecodeError are ValueErrors
        raise PayloadError("The token's second part is not base64url of UTF-8.") from error


def _read_data(event: dict[str, Any]) -> None:
    packed = event.get("data_base64")
    if not isinstance(packed, str) or "json" not in str(event.get("datacontenttype")):
        return
    try:
        data = base64.b64decode(packed, validate=True).decode("utf-8")
    except ValueError as error:
        raise PayloadError("The CloudEvent's data_base64 is not base64 of UTF-8.") from error
    event["data"] = parse_json(data)


def refuse_depth(text: str) -> None:
    """Before parsing, because parsers recurse. Raises PayloadError."""
    if text.count("[") + text.count("{") <= DEPTH_MAX:
        return
    depth = 0
    for bracket in _BRACKET.finditer(_STRING.sub("", text)):
        depth += 1 if bracket.group() in "[{" else -1
        if depth > DEPTH_MAX:
            raise PayloadError(f"The JSON is nested deeper than {DEPTH_MAX} levels.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    try:
        members = unique_keys(pairs)
    except DuplicateKey as error:
        key = json.dumps(error.key)
        raise PayloadError(f"The JSON has the key {shown(key)} twice in one object.") from None
    return {key: value for key, value in members.items() if value is not None}


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
    raise PayloadError(f"The JSON has {name}, which is not a JSON number.")


def _refuse_lone_surrogates(text: str, value: object) -> None:
    """Only an escape can bring one in: decoded text holds none."""
    if not _SURROGATE_ESCAPE.search(text.encode("utf-8")):
        return
    try:
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        raise PayloadError("The JSON has half a character (a lone surrogate) in a text.") from error


def _without_nuls(value: Any) -> Any:
    if isinstance(value, str):
        return without_nul(value)
    if isinstance(value, list):
        return [_without_nuls(item) for item in value]
    if isinstance(value, dict):
        return _object([(_without_nuls(key), _without_nuls(item)) for key, item in value.items()])
    return value
