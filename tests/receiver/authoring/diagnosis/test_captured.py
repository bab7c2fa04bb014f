"""Captured requests, as people have them."""

from __future__ import annotations

import json

import pytest

from receiver.authoring.diagnosis import Captured, CaptureInvalid, read_capture

EXPECTED = Captured(
    "POST", "/webhooks/desk?a=1", {"host": "example.com", "x-sign": "a, b"}, b'{"a":\n\n1}\n'
)
HEAD = "POST /webhooks/desk?a=1 HTTP/1.1\nHost: example.com\nX-Sign: a\nx-sign:b\n\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_request_as_it_went_over_the_wire(ending: str) -> None:
    data = HEAD.replace("\n", ending).encode() + EXPECTED.body
    assert read_capture(data) == EXPECTED


@pytest.mark.parametrize(
    "headers",
    [{"Host": "example.com", "X-Sign": "a, b"}, [["host", "example.com"], ["X-Sign", "a, b"]]],
)
def test_a_request_as_json(headers: object) -> None:
    fields = {"method": "post", "url": EXPECTED.url, "headers": headers}
    data = json.dumps({**fields, "body": EXPECTED.body.decode()}).encode()
    assert read_capture(data) == EXPECTED


def test_a_body_of_bytes_is_base64_as_in_the_api() -> None:
    data = b'{"headers": {}, "body": "AP8=", "body_encoding": "base64"}'
    assert read_capture(data) == Captured("POST", "", {}, b"\x00\xff")


def test_a_body_may_be_missing_from_http() -> None:
    assert read_capture(b"POST https://example.com/ HTTP/1.1\r\nHost: x\r\n").body == b""


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "no request line"),
        (b"hello", "no request line"),
        (b"POST / HTTP/1.1\nHost\n\n", "line 2 is no header"),
        (b"{", "begins like JSON"),
        (b'{"a": 1}', "`headers` or `body` is missing"),
        (b'{"headers": 1, "body": ""}', "`headers` are not"),
        (b'{"headers": {"a": 1}, "body": ""}', "`headers` are not"),
        (b'{"headers": {}, "body": {}}', "`body` is no text"),
        (b'{"headers": {}, "body": "", "url": 1}', "`url` is no text"),
        (b'{"headers": {}, "body": "!", "body_encoding": "base64"}', "no base64"),
    ],
)
def test_anything_else_is_refused_with_what_one_looks_like(data: bytes, expected: str) -> None:
    with pytest.raises(CaptureInvalid, match=expected):
        read_capture(data)
