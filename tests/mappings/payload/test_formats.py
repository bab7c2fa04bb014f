"""Forms, multipart, XML, JSON lines and CloudEvents become plain values, or one clear sentence."""

import base64
import json
import re
from typing import Any

import pytest

from mappings.engine.payload import BodyRules, Format, PayloadError, parse
from mappings.engine.payload.parameters import single

FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=xYz"
XML = "text/xml; charset=UTF-8"
LINES = "application/x-ndjson"
EVENT = "application/cloudevents+json"


def multipart(*parts: str, newline: str = "\r\n") -> bytes:
    lines = [f"--xYz{newline}{part}{newline}" for part in parts]
    return ("".join(lines) + f"--xYz--{newline}").encode()


def field(name: str, value: str) -> str:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'


def token(*parts: bytes) -> bytes:
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


TOKENS = BodyRules(formats=(Format.JWT, Format.JSON))


def test_the_claims_of_a_token_are_its_payload() -> None:
    body = token(b'{"alg":"HS256"}', '{"id": 7, "note": "Zoë", "gone": null}'.encode(), b"sig")
    assert parse(body, "application/json", TOKENS) == {"id": 7, "note": "Zoë"}
    assert parse(b'{"id": 7}', None, TOKENS) == {"id": 7}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (token(b'{"alg":"HS256"}', b'{"id": 7}'), "not a token of three parts"),
        (token(b'{"alg":"HS256"}', b"\xff\xfe", b"sig"), "not base64url of UTF-8"),
        (b"eyJhbGciOiJIUzI1NiJ9.{}.c2ln", "not base64url of UTF-8"),
        (token(b'{"alg":"HS256"}', b'{"id": 7, "id": 8}', b"sig"), '"id"'),
        (b"id=7&state=won", "begins as a form"),
    ],
    ids=["two-parts", "no-text", "no-base64", "twice", "form"],
)
def test_what_is_no_token_with_json_in_it_is_refused(body: bytes, message: str) -> None:
    with pytest.raises(PayloadError, match=re.escape(message)):
        parse(body, None, TOKENS)


READ: dict[str, tuple[bytes, str | None, Any]] = {
    "json-called-a-form": (b' {"a": 1}', FORM, {"a": 1}),
    "json-called-xml": (b'{"a": 1}', XML, {"a": 1}),
    "form-in-latin-1": (b"a=%E9", f"{FORM}; charset=iso-8859-1", {"a": "é"}),
    "form-in-utf-8-called-latin-1": (b"a=%C3%A9", f"{FORM}; charset=iso-8859-1", {"a": "é"}),
    "form-with-json": (b"json=%7B%22a%22%3A1%7D", FORM, {"a": 1}),
    "form-with-two-documents": (b"json={}&payload={}", FORM, {"json": "{}", "payload": "{}"}),
    "json-of-an-unknown-charset": (b'{"a": 1}', "application/json; charset=utf8mb4", {"a": 1}),
    "utf-8-of-an-unknown-charset": ('"é"'.encode(), "application/json; charset=x-user", "é"),
    "form-of-an-unknown-charset": (b"a=%C3%A9", f"{FORM}; charset=nonsense", {"a": "é"}),
    "xml-of-an-unknown-charset": (b"<?xml version='1.0' encoding='x-user'?><a/>", XML, {"a": ""}),
    "form-called-so-twice": (b"a=1", f"{FORM}, {FORM}", {"a": "1"}),
    "form-called-so-twice-in-two-ways": (b"a=1", f"{FORM},{FORM};charset=utf-8", {"a": "1"}),
    "json-in-latin-1": ('"é"'.encode("latin-1"), 'text/plain; charset="ISO-8859-1"', "é"),
    "json-in-utf-8-called-latin-1": ('"é"'.encode(), "application/json;charset=latin1", "é"),
    "json-in-utf-16": ('{"a": "é"}'.encode("utf-16-le"), "text/json; charset=utf-16le", {"a": "é"}),
    "multipart": (
        multipart(field("a", "1"), field("b", "x\r\ny"), field("a", "")),
        MULTIPART,
        {"a": ["1", ""], "b": "x\r\ny"},
    ),
    "multipart-with-json": (multipart(field("json", '{"a": 1}')), MULTIPART, {"a": 1}),
    "multipart-without-files": (
        multipart(
            field("a", "1"),
            'Content-Disposition: form-data; name="f"; filename="a.pdf"\r\n'
            "Content-Type: application/pdf\r\n\r\n%PDF \x00",
        ),
        MULTIPART,
        {"a": "1"},
    ),
    "multipart-by-bare-newlines": (
        multipart('content-disposition: form-data; name="a"\n\n1', newline="\n"),
        'multipart/form-data; boundary="xYz"',
        {"a": "1"},
    ),
    "multipart-preamble": (b"words\r\n" + multipart(field("a", "1")), MULTIPART, {"a": "1"}),
    "multipart-boundary-inside": (multipart(field("a", "x--xYz")), MULTIPART, {"a": "x--xYz"}),
    "multipart-empty": (b"--xYz--", MULTIPART, {}),
    "xml-text": (b"<a> x\n</a>", XML, {"a": "x"}),
    "xml-empty": (b"<a/>", XML, {"a": ""}),
    "xml-attributes": (b'<a b="1"> x </a>', XML, {"a": {"@b": "1", "#text": "x"}}),
    "xml-elements": (b"<a><b>1</b> <c><d/></c></a>", XML, {"a": {"b": "1", "c": {"d": ""}}}),
    "xml-repeated": (
        b"<a><b>1</b><c/><b>2</b><b/></a>",
        XML,
        {"a": {"b": ["1", "2", ""], "c": ""}},
    ),
    "xml-namespaces": (
        b'<s:a xmlns:s="u:1" xmlns="u:2" s:k="1"><b/><s:b/></s:a>',
        XML,
        {"a": {"@k": "1", "b": ["", ""]}},
    ),
    "xml-nil": (
        b"""<a xmlns:i="http://www.w3.org/2001/XMLSchema-instance"><b i:nil="true"/>
        <c i:nil="false">1</c></a>""",
        XML,
        {"a": {"c": "1"}},
    ),
    "xml-cdata-and-references": (
        b"<a>&lt;&#233;<![CDATA[<b>&amp;]]></a>",
        XML,
        {"a": "<é<b>&amp;"},
    ),
    "xml-unlabelled": (b"\n<a>1</a>", None, {"a": "1"}),
    "xml-called-a-form": (b"<a>1</a>", FORM, {"a": "1"}),
    "xml-comments": (
        b"<?xml version='1.0'?><!-- x --><a>1<!-- y -->2<?p q?></a>",
        XML,
        {"a": "12"},
    ),
    "xml-marked": (b"\xef\xbb\xbf<?xml version='1.0' encoding='utf-8'?><a/>", XML, {"a": ""}),
    "xml-in-utf-16": (
        "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode("utf-16"),
        XML,
        {"a": "é"},
    ),
    "xml-in-utf-8-called-utf-16": (
        "<?xml version='1.0' encoding='utf-16'?><a>é</a>".encode(),
        None,
        {"a": "é"},
    ),
    "xml-in-latin-1": (
        "<?xml version='1.0' encoding='ISO-8859-1'?><a>é</a>".encode("latin-1"),
        "application/xml",
        {"a": "é"},
    ),
    "json-lines": (b'{"a": 1}\r\n\n[2]\n', LINES, [{"a": 1}, [2]]),
    "json-lines-keep-other-separators": ('"a\u2028b"'.encode(), LINES, ["a\u2028b"]),
    "cloud-event": (
        b'{"specversion": "1.0", "data": {"a": 1}}',
        EVENT,
        {"specversion": "1.0", "data": {"a": 1}},
    ),
    "cloud-event-of-bytes": (
        b'{"datacontenttype": "image/png", "data_base64": "/w=="}',
        EVENT,
        {"datacontenttype": "image/png", "data_base64": "/w=="},
    ),
}


@pytest.mark.parametrize(("body", "content_type", "value"), READ.values(), ids=READ.keys())
def test_reads(body: bytes, content_type: str | None, value: Any) -> None:
    assert parse(body, content_type) == value


def test_a_batch_of_cloud_events_is_a_list_with_the_json_that_stands_in_base64() -> None:
    packed = base64.b64encode(b'{"id": 7}').decode()
    batch: list[dict[str, Any]] = [
        {"datacontenttype": "application/json", "data_base64": packed},
        {"data": 1},
    ]
    value = parse(json.dumps(batch).encode(), "application/cloudevents-batch+json")
    assert value == [{**batch[0], "data": {"id": 7}}, {"data": 1}]


REFUSED = {
    "charset": (
        b'"\x82"',
        "application/json; charset=shift_jis",
        "charset, 'shift_jis', is not supported",
    ),
    "charset-nonsense": (b'"\xe9"', 'text/plain; charset="\x00"', "is not supported"),
    "utf-7-json": (
        b'{"id": "+AGE-"}',
        "application/json; charset=utf-7",
        "'utf-7', is not supported",
    ),
    "iso-2022": (b"{}", "application/json; charset=ISO-2022-JP", "'ISO-2022-JP', is not supported"),
    "hz": (b"{}", "application/json; charset=hz-gb-2312", "'hz-gb-2312', is not supported"),
    "form-charset": (b"a=%e9", f"{FORM}; charset=nonsense", "a field that is not UTF-8"),
    "two-content-types": (b"a=1", f"{FORM}, application/json", "not JSON"),
    "utf-7": (b"<?xml version='1.0' encoding='utf-7'?><a/>", None, "'utf-7', is not supported"),
    "utf-16-cut-off": (b"\xff\xfe<", XML, "not UTF-16 at byte"),
    "form-neither": (b"a=%ff", f"{FORM}; charset=ascii", "not ASCII"),
    "form-bad-utf-8": (b"a=%ff", FORM, "not UTF-8"),
    "html": (b"<!DOCTYPE html><p>", "text/html", "DOCTYPE, which is refused"),
    "plain-text": (b"hello", "text/plain", "Its content type is 'text/plain'."),
    "xml-called-json": (b"<a/>", "application/json", "not JSON"),
    "boundary-none": (multipart(field("a", "1")), "multipart/form-data", "no proper boundary"),
    "boundary-long": (b"x", f"multipart/form-data; boundary={'b' * 71}", "no proper boundary"),
    "boundary-other": (multipart(field("a", "1")), "multipart/form-data; boundary=z", "no end"),
    "multipart-cut-off": (multipart(field("a", "1"))[:-6], MULTIPART, "has no end"),
    "multipart-nameless": (multipart("Content-Type: a/b\r\n\r\n1"), MULTIPART, "without a name"),
    "multipart-headless": (multipart("1"), MULTIPART, "without proper headers"),
    "multipart-bad-text": (multipart(field("a", "1")).replace(b"1", b"\xff"), MULTIPART, "UTF-8"),
    "multipart-fields": (multipart(*[field("a", "")] * 1001), MULTIPART, "more than 1000 fields"),
    "multipart-bad-json": (multipart(field("json", "{x")), MULTIPART, "not JSON"),
    "xml-cut-off": (b"<a><b>", XML, r"not XML: no element found (line 1, column 7)"),
    "xml-mismatch": (b"<a></b>", XML, "not XML: mismatched tag"),
    "xml-two-roots": (b"<a/><b/>", XML, "not XML: junk after document element"),
    "xml-unbound-prefix": (b"<s:a/>", XML, "not XML: unbound prefix"),
    "xml-attribute-twice": (b'<a b="1" b="2"/>', XML, "duplicate attribute"),
    "xml-undefined-entity": (b"<a>&x;</a>", XML, "undefined entity"),
    "xml-nul": (b"<a>\x00</a>", XML, "not XML"),
    "xml-reference-to-nul": (b"<a>&#0;</a>", XML, "not XML"),
    "xml-surrogate": (b"<a>&#xD800;</a>", XML, "not XML"),
    "xml-deep": (b"<a>" * 33 + b"</a>" * 33, XML, "deeper than 32 elements"),
    "xml-external": (b'<!DOCTYPE a SYSTEM "file:///etc/hosts"><a/>', XML, "DOCTYPE"),
    "xml-external-entity": (
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hosts">]><a>&x;</a>',
        XML,
        "DOCTYPE",
    ),
    "lines-bad": (b'{"a": 1}\n{"a": \n', LINES, "In line 2: The body is not JSON"),
    "lines-many": (b"1\n" * 10_000, LINES, "more than 10000 lines"),
    "event-bad-base64": (
        b'{"datacontenttype": "application/json", "data_base64": "*"}',
        EVENT,
        "not base64 of UTF-8",
    ),
    "event-bad-json": (
        b'{"datacontenttype": "application/json", "data_base64": "eA=="}',
        EVENT,
        "not JSON",
    ),
}


@pytest.mark.parametrize(("body", "content_type", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_refuses_in_one_sentence(body: bytes, content_type: str, said: str) -> None:
    with pytest.raises(PayloadError) as refused:
        parse(body, content_type)
    detail = str(refused.value)
    assert said in detail
    assert detail.endswith(".")
    assert len(detail.encode("utf-8")) < 200


def test_32_elements_deep_are_read() -> None:
    parse(b"<a>" * 32 + b"</a>" * 32, XML)


@pytest.mark.parametrize("end", ['"', '"\\', '"' + '\\"' * 2000])
def test_a_value_with_an_open_quote_is_another_value(end: str) -> None:
    """And is read in one pass, however often a quote is escaped in it."""
    assert single(f"{FORM}, {FORM}{end}") == f"{FORM}, {FORM}{end}"
