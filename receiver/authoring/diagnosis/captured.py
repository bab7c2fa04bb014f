"""A captured request read from a file: HTTP as it went over the wire, or a JSON object.

Owns both forms. The body is bytes, and never changed by reading it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

_FORMS = (
    "an HTTP request (request line, headers, an empty line, the body), or a JSON object "
    '{"method", "url", "headers", "body"}'
)
_REQUEST_LINE = re.compile(r"([A-Za-z]+) (\S+)(?: HTTP/[0-9.]+)?")
_HEAD_END = re.compile(rb"\r?\n\r?\n")


class CaptureInvalid(ValueError):
    """The file is no captured request; the message describes one."""


@dataclass(frozen=True, slots=True)
class Captured:
    """A request as it was captured. `url` may be a path only, or empty where it is not known.

    Header names are lower-case.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


def read_capture(data: bytes) -> Captured:
    """The request in a file of either form; raises CaptureInvalid."""
    if data.lstrip().startswith(b"{"):
        return _from_json(data)
    return _from_http(data)


def _from_http(data: bytes) -> Captured:
    end = _HEAD_END.search(data)
    head = data[: end.start()] if end else data.rstrip(b"\r\n")
    first, *rest = head.decode("latin-1").splitlines() or [""]
    request_line = _REQUEST_LINE.fullmatch(first.strip())
    if request_line is None:
        raise CaptureInvalid(f"its first line is no request line; write {_FORMS}")
    pairs: list[tuple[str, str]] = []
    for number, line in enumerate(rest, start=2):
        name, colon, value = line.partition(":")
        if not colon or not name.strip():
            message = f"line {number} is no header and no empty line; write {_FORMS}"
            raise CaptureInvalid(message)
        pairs.append((name, value))
    return Captured(
        method=request_line[1].upper(),
        url=request_line[2],
        headers=_headers(pairs),
        body=data[end.end() :] if end else b"",
    )


def _from_json(data: bytes) -> Captured:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise CaptureInvalid(f"it begins like JSON and is none ({error}); write {_FORMS}") from None
    if not isinstance(found, dict) or "headers" not in found or "body" not in found:
        raise CaptureInvalid(f"`headers` or `body` is missing; write {_FORMS}")
    for name in ("method", "url"):
        if not isinstance(found.get(name, ""), str):
            raise CaptureInvalid(f"`{name}` is no text; write {_FORMS}")
    return Captured(
        method=found.get("method", "POST").upper(),
        url=found.get("url", ""),
        headers=_headers(_pairs(found["headers"])),
        body=_body(found),
    )


def _pairs(headers: Any) -> list[tuple[str, str]]:
    items = list(headers.items()) if isinstance(headers, dict) else headers
    wrong = CaptureInvalid('`headers` are not {"name": "value"} or [["name", "value"]]')
    if not isinstance(items, list):
        raise wrong
    pairs: list[tuple[str, str]] = []
    for item in items:
        match item:
            case (str(name), str(value)) | [str(name), str(value)]:
                pairs.append((name, value))
            case _:
                raise wrong
    return pairs


def _body(found: dict[str, Any]) -> bytes:
    body = found["body"]
    if not isinstance(body, str):
        raise CaptureInvalid("`body` is no text: give the raw text, not the JSON value it holds")
    if found.get("body_encoding") != "base64":
        return body.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(body, validate=True)
    except binascii.Error:
        raise CaptureInvalid("`body` is no base64, as `body_encoding` states") from None


def _headers(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for raw_name, raw_value in pairs:
        name, value = raw_name.strip().lower(), raw_value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
