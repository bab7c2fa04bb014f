"""What a captured request holds that may be a signature, a time of signing or a delivery id.

Pure. Owns how each is recognised among headers, whatever their names. Bounded by the number of
headers and by their length.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from receiver.signatures.codecs import KEY_ENCODINGS

MOST_HEADERS = 64
LONGEST_VALUE = 4096
LONGEST_PREFIX = 32
MOST_IDS = 4

_BYTES = {20: "sha1", 32: "sha256", 48: "sha384", 64: "sha512"}
_SEPARATORS = (None, ",", ";", " ", "|", "&")
#: A prefix that changes with each request is none.
_CHANGES = re.compile(r"[0-9]{6}")
_SECONDS = re.compile(r"[0-9]{9,10}")
_MILLISECONDS = re.compile(r"[0-9]{12,13}")
_ISO_8601 = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]{8,18}(Z|[+-][0-9]{2}:[0-9]{2})?")
_ELEMENT = re.compile(r"([A-Za-z][A-Za-z0-9_-]{0,15})=(.+)")


@dataclass(frozen=True, slots=True)
class Digest:
    """A text that may be a signature: where it stands, how it is written, and its bytes."""

    header: str
    prefix: str
    separator: str | None
    encoding: str
    algorithm: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Stamp:
    """A text that may be the time of signing: in a header of its own, or as `element=…` of one."""

    text: str
    unit: str
    header: str
    element: str | None = None
    separator: str | None = None


def digests(headers: Mapping[str, str]) -> list[Digest]:
    """What may be a signature, each way to read it once."""
    found: dict[Digest, None] = {}
    for header, value in _bounded(headers):
        for separator in _SEPARATORS:
            for item in _items(value, separator):
                found.update(dict.fromkeys(_digests_in(header, item, separator)))
    return list(found)


def stamps(headers: Mapping[str, str]) -> list[Stamp]:
    """What may be the time of signing."""
    found: dict[Stamp, None] = {}
    for header, value in _bounded(headers):
        unit = _unit_of(value)
        if unit is not None:
            found[Stamp(value, unit, header)] = None
        for separator in _SEPARATORS[1:]:
            for item in _items(value, separator):
                element = _ELEMENT.fullmatch(item)
                unit = _unit_of(element[2]) if element else None
                if element and unit:
                    found[Stamp(element[2], unit, header, element[1], separator)] = None
    return list(found)


def id_headers(headers: Mapping[str, str]) -> list[str]:
    """The headers that may hold the delivery's id, by their names."""
    named = [name for name, _ in _bounded(headers) if re.search(r"(?:^|[-_])id(?:$|[-_])", name)]
    return named[:MOST_IDS]


def _bounded(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    pairs = [(name, value.strip()) for name, value in headers.items()]
    return [(name, value) for name, value in pairs if 0 < len(value) <= LONGEST_VALUE][
        :MOST_HEADERS
    ]


def _items(value: str, separator: str | None) -> list[str]:
    if separator is None:
        return [value]
    items = value.split(separator)
    return [item.strip() for item in items[:16]] if len(items) > 1 else []


def _digests_in(header: str, item: str, separator: str | None) -> Iterator[Digest]:
    for size, algorithm in _BYTES.items():
        for encoding, length in _lengths(size):
            prefix, text = item[:-length], item[-length:]
            if len(text) < length or len(prefix) > LONGEST_PREFIX or _CHANGES.search(prefix):
                continue
            value = _decoded(text, encoding)
            if value is not None and len(value) == size:
                yield Digest(header, prefix, separator, encoding, algorithm, value)


def _lengths(size: int) -> Iterator[tuple[str, int]]:
    padded = len(base64.b64encode(b"a" * size))
    unpadded = len(base64.b64encode(b"a" * size).rstrip(b"="))
    yield "hex", 2 * size
    for length in {padded, unpadded}:
        yield "base64", length
        yield "base64url", length


def _decoded(text: str, encoding: str) -> bytes | None:
    if encoding == "base64url":
        if not set("-_") & set(text):
            return None  # base64 then, which is tried too
        encoding, text = "base64", text.replace("-", "+").replace("_", "/")
    try:
        return KEY_ENCODINGS[encoding](text)
    except ValueError:
        return None


def _unit_of(text: str) -> str | None:
    if _SECONDS.fullmatch(text):
        return "seconds"
    if _MILLISECONDS.fullmatch(text):
        return "milliseconds"
    iso = _ISO_8601.fullmatch(text)
    if iso is None:
        return None
    return "iso8601" if iso[1] else "iso8601-utc"
