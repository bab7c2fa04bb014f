"""Claims over every preset: nothing changed passes, and nothing but SignatureError is raised."""

from __future__ import annotations

import functools
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, strategies as st

from receiver.signatures import PRESETS, Scheme, SignatureError, verify
from tests.support.effort import examples
from tests.support.requests import NOW, secret_of, signed

FORMS = ("braintree", "mailchimp-transactional", "twilio-form", "twilio-sharedkey")
KEYS = ("gong", "ironclad", "sendgrid", "wise")
CLOSED = [name for name, scheme in PRESETS.items() if scheme.protects_body]
all_presets = st.sampled_from(sorted(PRESETS))
once = functools.cache(signed)


def passes(name: str, request: dict[str, Any]) -> bool:
    try:
        verify(name, **request)
    except SignatureError:
        return False
    return True


def changed(text: str, data: st.DataObject) -> str:
    """The text with one character replaced by another one of ASCII."""
    position = data.draw(st.integers(0, len(text) - 1))
    others = [chr(code) for code in range(33, 127) if chr(code) != text[position]]
    return text[:position] + data.draw(st.sampled_from(others)) + text[position + 1 :]


def signed_headers(scheme: Scheme, request: dict[str, Any]) -> list[str]:
    """The headers that carry the signature, the time or a signed id."""
    named = [scheme.credential_place, getattr(scheme, "timestamp_header", None)]
    if scheme.signs_delivery_id:
        named.append(scheme.id_place)
    found = [name.lower() for name in named if name and name.lower() in request["headers"]]
    return found + [name for name in request["headers"] if name == "x-docusign-signature-1"]


@examples(100)
@given(st.sampled_from(CLOSED), st.data())
def test_no_changed_byte_of_the_body_passes(name: str, data: st.DataObject) -> None:
    request = once(name)
    body = request["body"]
    position = data.draw(st.integers(0, len(body) - 1))
    other = bytes([body[position] ^ data.draw(st.integers(1, 255))])
    tampered = body[:position] + other + body[position + 1 :]
    says_the_same = name in FORMS and fields(tampered) == fields(body)
    assert says_the_same or not passes(name, request | {"body": tampered})


def fields(body: bytes) -> list[tuple[str, str]]:
    return sorted(parse_qsl(body.decode("latin-1"), keep_blank_values=True))


@examples(150)
@given(all_presets, st.data())
def test_no_changed_character_of_what_is_signed_passes(name: str, data: st.DataObject) -> None:
    scheme, request = PRESETS[name], once(name)
    places = ["secret"] if name not in KEYS else []
    places += [place for place in ("URL", "method") if place in scheme.signed_parts]
    places += signed_headers(scheme, request)
    if not places:
        return
    place = data.draw(st.sampled_from(places))
    if place == "secret":
        tampered = request | {"secrets": [changed(request["secrets"][0], data)]}
    elif place in ("URL", "method"):
        tampered = request | {place.lower(): changed(request[place.lower()], data)}
    else:
        headers = request["headers"] | {place: changed(request["headers"][place], data)}
        tampered = request | {"headers": headers}
    assert not passes(name, tampered)


texts = st.one_of(
    st.text(max_size=60),
    st.text("0123456789abcdefv=,. ;|tTZ:+-", max_size=60),
    st.sampled_from(
        [
            "v1,",
            "t=1,v1=",
            "sha256=",
            "\x00",
            "\ud800",
            "Basic ",
            "Basic =",
            "HMAC ",
            "a.b.c",
            "eyJhbGciOiJub25lIn0.e30.",
            "eyJhbGciOiJIUzI1NiJ9." + "W" * 4000 + ".AA",
            "{",
            "[" * 3000,
            '{"nonce":{},"signature":1}',
            "multipart/form-data",
            'multipart/form-data; boundary=""',
            "multipart/form-data; boundary=x",
        ]
    ),
)
bodies = st.one_of(
    st.binary(max_size=60),
    st.sampled_from(
        [
            b"[" * 100_000,
            b'{"a":' * 50_000,
            b"1" * 5000,
            b'{"value":[' + b"[" * 5000,
            b'{"value":[null,1,{"clientState":[]}]}',
            b'{"value":{}}',
            b'{"event":[],"token":{},"signature":[]}',
            b'{"event":{"event_hash":"\\ud800","event_time":"\\ud800","event_type":"\\ud800"}}',
            b'{"token":"\\ud800","triggeredAt":"\\ud800","signature":"\\ud800","secret":"\\ud800"}',
            b'{"token":1e999,"triggeredAt":' + b"9" * 4000 + b',"signature":"a"}',
            b'{"webhookTimestamp":-1}',
            b'{"a":1,"a":2}',
            b"a=%ff&b=%",
            b"&" * 5000,
            b'--x\r\nContent-Disposition: form-data; name="json"\r\n\r\n{\r\n--x--',
        ]
    ),
)
urls = st.one_of(
    texts,
    st.sampled_from(
        [
            "https://[::1/?token=a",
            "https://h:99999/?signature=a",
            "http://h?" + "a=b&" * 2000,
            "https://h/?token=%ff&key=%ff&bodySHA256=%ff&signature=%ff",
            "//",
            "https://h:x/",
        ]
    ),
)


@examples(200)
@given(all_presets, st.data())
def test_nothing_but_signature_error_is_raised_whatever_is_changed(
    name: str, data: st.DataObject
) -> None:
    request = dict(once(name))
    for part, values in {"body": bodies, "url": urls, "method": texts}.items():
        if data.draw(st.booleans()):
            request[part] = data.draw(values)
    names = st.sampled_from([*sorted(request["headers"]), "content-type", "authorization"])
    headers = data.draw(st.dictionaries(names, texts, max_size=4))
    request["headers"] = request["headers"] | headers
    if data.draw(st.booleans()):
        request["secrets"] = data.draw(st.lists(texts, max_size=3))
    passes(name, request)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_no_clock_and_no_odd_secret_raises_anything_else(name: str) -> None:
    for now in (NOW, 0.0, -1e30, 1e30, float("inf"), float("nan")):
        request = once(name) | {"now": now, "secrets": [secret_of(name), "\ud800", "\x00"]}
        passes(name, request)
