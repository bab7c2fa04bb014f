"""verify() over every preset: nothing but SignatureError, and nothing changed is accepted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from receiver.signatures import PRESETS, SignatureError, verify
from tests.fuzz.reading import Decisions, choice
from tests.support.requests import signed

VECTORS = Path(__file__).parents[2] / "vectors"
#: Their signature covers the fields of a form in no order.
FORMS = ("mailchimp-transactional", "twilio-form", "twilio-sharedkey")
PLACES = ("body", "header", "url", "method", "a header more", "now")
TIMES = (-1e30, -301.0, -300.0, -1.0, 1.0, 299.0, 301.0, 1e30, float("nan"), float("inf"))


def _vectors() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted(VECTORS.glob("*.json")):
        for vector in json.loads(path.read_text("utf-8")):
            if vector["expect"] == "valid":
                request = {name: vector[name] for name in ("method", "url", "headers", "now")}
                body = vector["body"].encode()
                yield path.stem, request | {"body": body, "secrets": [vector["secret"]]}
    for name in sorted(PRESETS):
        yield name, signed(name)


REQUESTS = list(_vectors())


def seeds() -> Iterator[bytes]:
    """Each request as it is, and with something small done to each of its places."""
    for number in range(len(REQUESTS)):
        first = number.to_bytes(1 if len(REQUESTS) <= 256 else 2, "big")
        yield first
        for place in range(len(PLACES)):
            yield first + choice(place, 1, 1, 0) + b"a"


def check(data: bytes) -> None:
    """Change a request as the bytes direct; what is accepted holds what the vendor signed."""
    decisions = Decisions(data)
    name, original = REQUESTS[decisions.number(len(REQUESTS))]
    request = dict(original)
    while not decisions.is_over:
        _change(request, decisions)
    try:
        verify(name, **request)
    except SignatureError:
        return
    assert _says_the_same(name, original, request), (name, request)


def _change(request: dict[str, Any], decisions: Decisions) -> None:
    place = decisions.one_of(PLACES)
    if place == "body":
        request["body"] = decisions.spliced(request["body"])
    elif place == "now":
        request["now"] += decisions.one_of(TIMES)
    elif place in ("url", "method"):
        changed = decisions.spliced(request[place].encode("latin-1", "replace"))
        request[place] = changed.decode("latin-1")
    else:
        headers = dict(request["headers"])
        names = sorted(headers) or ["x"]
        name = decisions.one_of(names)
        if place == "a header more":
            name = decisions.take(decisions.number(24)).decode("latin-1")
        value = headers.get(name, "").encode("latin-1", "replace")
        request["headers"] = headers | {name: decisions.spliced(value).decode("latin-1")}


def _says_the_same(name: str, original: dict[str, Any], request: dict[str, Any]) -> bool:
    scheme = PRESETS[name]
    if scheme.protects_body and not _same_body(name, original["body"], request["body"]):
        return False
    if "method" in scheme.signed_parts and original["method"] != request["method"]:
        return False
    url_is_signed = "URL" in scheme.signed_parts
    return not url_is_signed or unquote(original["url"]) == unquote(request["url"])


def _same_body(name: str, before: bytes, after: bytes) -> bool:
    return before == after or (name in FORMS and _fields(before) == _fields(after))


def _fields(body: bytes) -> list[tuple[str, str]]:
    return sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True))
