"""parse() of every format: a value or a PayloadError, and the value can be written down again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from mappings.engine.payload import PayloadError, parse
from tests.fuzz.reading import Decisions, choice

ROOT = Path(__file__).parents[3]
TYPES: tuple[str | None, ...] = (
    None,
    "application/json",
    "application/json; charset=utf-16",
    "application/x-www-form-urlencoded",
    "application/x-www-form-urlencoded; charset=iso-8859-1",
    "multipart/form-data; boundary=xYz",
    "text/xml; charset=UTF-8",
    "application/soap+xml",
    "application/x-ndjson",
    "application/cloudevents+json",
    "application/cloudevents-batch+json",
    "text/plain",
)
ANY_TYPE = len(TYPES)
PIECES = (
    b'{"a": [1, 2.5, "\\u00e9", null, true]}',
    b"a=1&payload=%7B%22a%22%3A1%7D",
    b'--xYz\r\nContent-Disposition: form-data; name="json"\r\n\r\n{"a":1}\r\n--xYz--\r\n',
    b'<?xml version="1.0" encoding="UTF-8"?><a b="c"><d>&#38;</d><![CDATA[x]]></a>',
    b'{"a":1}\n{"b":2}\n',
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"e30="}',
)


def _bodies() -> Iterator[bytes]:
    yield from PIECES
    for folder in ("mappings/examples", "mappings/library/examples", "tests/payloads"):
        for path in sorted((ROOT / folder).glob("*.*")):
            if path.stat().st_size < 8192:
                yield path.read_bytes()
    for path in sorted((ROOT / "tests" / "vectors").glob("*.json")):
        for vector in json.loads(path.read_text("utf-8")):
            yield vector["body"].encode()


def seeds() -> Iterator[bytes]:
    """Every body that vendors sent, as every type."""
    for number, body in enumerate(_bodies()):
        yield choice(number % ANY_TYPE) + body
    for body in PIECES:
        yield from (choice(number) + body for number in range(ANY_TYPE))


def check(data: bytes) -> None:
    """Parse what is left of the bytes as the type that they begin with."""
    decisions = Decisions(data)
    number = decisions.number(ANY_TYPE + 1)
    kind = TYPES[number] if number < ANY_TYPE else decisions.take(40).decode("latin-1")
    try:
        value = parse(decisions.rest(), kind)
    except PayloadError as refused:
        str(refused).encode("utf-8")
        return
    json.dumps(value, allow_nan=False).encode("utf-8")
