"""Values taken out of a body: exactly those, in any format, and none where it is unsure."""

from __future__ import annotations

import contextlib
import time
from urllib.parse import quote_plus

import pytest

from mappings.engine.payload import parse
from mappings.engine.redact.paths import NotRedactable, parse_path
from mappings.engine.redact.redactor import Redacted, Redactor, redactor_of

MIB = 1024 * 1024
FORM = "application/x-www-form-urlencoded"
LINES = "application/x-ndjson"
EVENT = "application/cloudevents+json"
PATHS = ("payload.customer.email", "payload.items[*].note", "payload.contact", "payload.tags[*]")


def redactor(*paths: str) -> Redactor:
    made = redactor_of(parse_path(path) for path in paths)
    assert made is not None
    return made


def redact(body: bytes, content_type: str | None = None, *paths: str) -> Redacted:
    headers = {} if content_type is None else {"content-type": content_type}
    return redactor(*(paths or PATHS)).apply(body, headers)


BODIES = {
    "a member": (b'{"customer": {"email": "a@b.c"}}', None, b'{"customer": {"email": @@}}'),
    "nothing on a path": (b'{"customer": {"id": 1}}', None, b'{"customer": {"id": 1}}'),
    "an object goes whole": (b'{"contact": {"a": [1, {"b": 2}]}}', None, b'{"contact": @@}'),
    "a number": (b'{"contact":5.10 , "x" : 1}', None, b'{"contact":@@ , "x" : 1}'),
    "null counts as absent": (b'{"contact": null}', None, b'{"contact": null}'),
    "false is a value": (b'{"contact": false}', None, b'{"contact": @@}'),
    "items of a list": (
        b'{"items": [{"note": "x"}, {"id": 1}, {"note": ["y"]}]}',
        None,
        b'{"items": [{"note": @@}, {"id": 1}, {"note": @@}]}',
    ),
    "an object where a list was expected": (
        b'{"items": {"note": "x"}}',
        None,
        b'{"items": {"note": @@}}',
    ),
    "a list where an object was expected": (
        b'{"customer": [[{"email": "x"}], {"email": "y"}]}',
        None,
        b'{"customer": [[{"email": @@}], {"email": @@}]}',
    ),
    "each item of a list, and the list stays": (
        b'{"tags": ["a", [1, 2]]}',
        None,
        b'{"tags": [@@, [@@, @@]]}',
    ),
    "one item where a list was expected": (b'{"tags": "a"}', None, b'{"tags": @@}'),
    "many events in one POST": (
        b'[{"contact": 1}, {"contact": 2}]',
        None,
        b'[{"contact": @@}, {"contact": @@}]',
    ),
    "a key twice": (b'{"contact": 1, "contact": 2}', None, b'{"contact": @@, "contact": @@}'),
    "a key in escapes": (b'{"\\u0063ontact": "x"}', None, b'{"\\u0063ontact": @@}'),
    "numbers, blanks and escapes stay as they came": (
        b' {"n" : 12345678901234567890,"p":1.10,\n"t":"\\u00e9\\/","contact":1,"e":1e400}\r\n',
        None,
        b' {"n" : 12345678901234567890,"p":1.10,\n"t":"\\u00e9\\/","contact":@@,"e":1e400}\r\n',
    ),
    "the same name elsewhere stays": (
        b'{"x": {"contact": "kept"}}',
        None,
        b'{"x": {"contact": "kept"}}',
    ),
    "JSON of any media type": (b'{"contact": 1}', "text/plain", b'{"contact": @@}'),
    "UTF-8 text": (
        '{"a": "ä€", "contact": "ö"}'.encode(),
        None,
        '{"a": "ä€", "contact": @@}'.encode(),
    ),
    "Latin-1": (
        '{"a": "ä", "contact": "ö"}'.encode("latin-1"),
        "application/json; charset=iso-8859-1",
        '{"a": "ä", "contact": @@}'.encode("latin-1"),
    ),
    "JSON lines": (
        b'{"contact":1}\n\n{"customer":{"email":2}}\r\n',
        LINES,
        b'{"contact":@@}\n\n{"customer":{"email":@@}}\r\n',
    ),
    "a CloudEvent": (
        b'{"id":"1","customer":{"email":"x"}}',
        EVENT,
        b'{"id":"1","customer":{"email":@@}}',
    ),
    "a form's field": (b"id=1&contact=a%40b.c+d&x=%zz", FORM, b"id=1&contact=@@&x=%zz"),
    "a form's field twice": (
        b"contact=a&contact=b&contact",
        FORM,
        b"contact=@@&contact=@@&contact",
    ),
    "a field's name in escapes": (b"&&c%6Fntact=a", FORM, b"&&c%6Fntact=@@"),
    "a form that stands for its JSON": (
        b"token=t&payload=" + quote_plus('{"customer": {"email": "ä+&=%"}, "id": 1}').encode(),
        FORM,
        b"token=t&payload=%7B%22customer%22%3A+%7B%22email%22%3A+%22@@%22%7D%2C+%22id%22%3A+1%7D",
    ),
    "escapes in a form's JSON stay": (
        b'payload={"a":"%C3%A4%e2%82%ac","contact":"x","b":"%2B"}',
        FORM,
        b'payload={"a":"%C3%A4%e2%82%ac","contact":%22@@%22,"b":"%2B"}',
    ),
    "a field beside the form's JSON": (
        b'contact=x&json={"id":1}',
        FORM,
        b'contact=@@&json={"id":1}',
    ),
    "JSON that is called a form": (b'{"contact": 1}', FORM, b'{"contact": @@}'),
    "no body": (b" \r\n", None, b" \r\n"),
}


@pytest.mark.parametrize(("body", "content_type", "left"), BODIES.values(), ids=BODIES.keys())
def test_only_the_values_on_a_path_are_replaced(
    body: bytes, content_type: str | None, left: bytes
) -> None:
    found = redact(body, content_type)
    mark = b"%5Bredacted%5D" if content_type == FORM and body[:1] != b"{" else b'"[redacted]"'
    assert found.body == left.replace(b"@@", mark)
    assert found.count == left.count(b"@@")


REFUSED = {
    "XML": (b"<a><contact>x</contact></a>", "text/xml", "it is XML"),
    "a multipart form": (b"--x--", "multipart/form-data; boundary=x", "it is a multipart form"),
    "text": (b"contact: x", "text/plain", "it is not JSON at character 1"),
    "JSON with more behind it": (b'{"contact": 1} {', None, "it is not JSON at character 16"),
    "JSON that ends early": (b'{"contact": {"a": "x"}', None, "it is not JSON"),
    "a name without quotes": (b"{contact: 1}", None, "it is not JSON"),
    "no number": (b'{"a": NaN, "contact": 1}', None, "it is not JSON at character 7"),
    "a comma too many": (b'{"contact": 1,}', None, "it is not JSON"),
    "a line break in a text": (b'{"contact": "a\nb"}', None, "it is not JSON"),
    "a byte order mark": (b'\xef\xbb\xbf{"contact": 1}', None, "it is not JSON at character 1"),
    "bytes that are no UTF-8": (b'{"contact": "\xff"}', None, "not text in a supported charset"),
    "an unknown charset": (
        b"{}",
        "application/json; charset=utf-7",
        "not text in a supported charset",
    ),
    "UTF-16 of the other order": (
        b"\xfe\xff" + '{"contact": 1}'.encode("utf-16-be"),
        None,
        "cannot be written again",
    ),
    "too deep": (b"[" * 65 + b"]" * 65, None, "nested too deeply"),
    "much too deep": (b'{"a":' * 150_000, None, "nested too deeply"),
    "one line of many": (b'{"contact": 1}\n{"contact"\n', LINES, "it is not JSON at character 11"),
    "data in base64": (
        b'{"data_base64": "eyJlIjoxfQ==", "datacontenttype": "application/json"}',
        EVENT,
        "data in base64",
    ),
    "base64 in one event of a batch": (
        b'[{"data": 1}, {"data\\u005fbase64": "e30="}]',
        EVENT,
        "in base64",
    ),
    "a form with two documents": (b'payload={"a":1}&json={"b":2}', FORM, "several documents"),
    "a form with a document twice": (b'payload={"a":1}&payload={"b":2}', FORM, "several documents"),
    "a form whose document is not supported": (b"payload={contact", FORM, "it is not JSON"),
    "a form with a byte order mark": (b"\xef\xbb\xbfcontact=1", FORM, "byte order mark"),
    "a form that is no UTF-8": (b"contact=%ff", FORM, "fields cannot be read"),
    "a form with too many fields": (b"a=1&" * 1001, FORM, "fields cannot be read"),
}


@pytest.mark.parametrize(("body", "content_type", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_a_body_that_cannot_be_redacted_for_certain_is_refused(
    body: bytes, content_type: str | None, why: str
) -> None:
    with pytest.raises(NotRedactable, match=why) as refused:
        redact(body, content_type, "payload.contact", "payload.data.email")
    assert "contact" not in str(refused.value)


def test_headers_are_redacted_and_their_names_stay() -> None:
    headers = {"x-user": "a@b.c", "x-other": "kept", "content-type": "application/json"}
    found = redactor("headers.X-User", "headers.x-absent").apply(b"not read at all", headers)
    assert found.headers == {**headers, "x-user": "[redacted]"}
    assert (found.body, found.count) == (b"not read at all", 1)


def test_what_was_taken_out_is_told_as_text() -> None:
    body = b'{"contact": {"id": 12345678901234567890, "tags": ["a", 1.10, true, null]}}'
    assert redact(body).taken == {"12345678901234567890", "a", "1.10"}


def test_redacting_again_changes_nothing() -> None:
    once = redact(b'{"contact": 1, "tags": [1, null], "id": 2}').body
    assert redact(once).body == once


LARGE = {
    "many items": (b'{"items":[' + b'{"note":1},' * (MIB // 11) + b"{}]}", None),
    "much beside the path": (b'{"x":[' + b"[1]," * (MIB // 4) + b"1]}", None),
    "one long text": (b'{"contact":"' + b"x" * MIB + b'"}', None),
    "open text": (b'{"contact":"' + b"\\" * MIB, None),
    "long number": (b'{"contact":' + b"1" * MIB + b"}", None),
    "names": (b"{" + b'"a":1,' * (MIB // 6) + b'"a":1}', None),
    "lines": (b'{"contact":1}\n' * (MIB // 14), LINES),
    "a form of escapes": (
        b"payload=%7B%22contact%22%3A%22" + b"%C3%A4" * (MIB // 6) + b"%22%7D",
        FORM,
    ),
    "percents": (b"%" * MIB, FORM),
}


@pytest.mark.parametrize(("body", "content_type"), LARGE.values(), ids=LARGE.keys())
def test_a_large_body_takes_a_bounded_time(body: bytes, content_type: str | None) -> None:
    began = time.process_time()
    with contextlib.suppress(NotRedactable):
        redact(body, content_type)
    assert time.process_time() - began < 5


def test_a_redacted_body_reads_as_the_original_with_the_values_replaced() -> None:
    body = b'{"customer":{"email":"a@b.c","id":7},"items":[{"note":"x","id":1}]}'
    assert parse(redact(body).body) == {
        "customer": {"email": "[redacted]", "id": 7},
        "items": [{"note": "[redacted]", "id": 1}],
    }
