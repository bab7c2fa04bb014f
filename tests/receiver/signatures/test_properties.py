"""Claims over all inputs: nothing changed passes, nothing but SignatureError is ever raised."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given, strategies as st

from receiver.signatures import PRESETS, Scheme, SignatureError, scheme_of, sign, verify
from receiver.signatures.codecs import ALGORITHMS, ENCODINGS, KEY_ENCODINGS, TIMESTAMP_UNITS
from tests.support.effort import examples

NOW = 1_790_000_000.25
KEY = bytes(range(1, 33))
SECRETS = {
    "utf8": "a secret of text",
    "hex": KEY.hex(),
    "base64": base64.b64encode(KEY).decode(),
    "whsec": "whsec_" + base64.b64encode(KEY).decode(),
}
URL = "https://hooks.example.com/webhooks/x?a=1&b=%3A"

tokens = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=8)
literals = st.sampled_from(["", ".", ":", "v0:", "\n", "ü"])


@st.composite
def verify_blocks(draw: st.DrawFn) -> dict[str, Any]:
    """A random, right verify block of the generic scheme."""
    pieces = draw(st.permutations(["{method}", "{url}", "{header:x-signed}", "{header:x-id}"]))
    kept = ["{body}", *pieces[: draw(st.integers(0, 4))]]
    place = draw(st.sampled_from([None, "timestamp_header", "timestamp_element"]))
    block: dict[str, Any] = {
        "scheme": "hmac",
        "header": "X-Signature",
        "algorithm": draw(st.sampled_from(ALGORITHMS)),
        "encoding": draw(st.sampled_from(sorted(ENCODINGS))),
        "key_encoding": draw(st.sampled_from(sorted(KEY_ENCODINGS))),
        "prefix": draw(st.sampled_from(["", "v1=", "v1,", "sha256=", "HMAC "])),
        "id_header": "x-id",
    }
    if place:
        kept.append("{timestamp}")
        block |= {"timestamp_unit": draw(st.sampled_from(TIMESTAMP_UNITS))}
        block[place] = "x-time" if place == "timestamp_header" else "t"
        block["separator"] = draw(st.sampled_from([";", "|"]))
    block["signed_content"] = draw(literals).join(draw(st.permutations(kept)))
    return block


def schemes() -> st.SearchStrategy[tuple[Scheme, str]]:
    """A scheme and a secret of its kind."""
    generic = verify_blocks().map(lambda block: (scheme_of(block), SECRETS[block["key_encoding"]]))
    presets = st.sampled_from(
        [
            (scheme, SECRETS["whsec" if name == "standard-webhooks" else "utf8"])
            for name, scheme in PRESETS.items()
            if name in ("github", "hubspot-v3", "standard-webhooks", "zendesk")
        ]
    )
    return st.one_of(generic, presets)


def signed_by(scheme: Scheme, secret: str, body: bytes, delivery_id: str) -> dict[str, Any]:
    request: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "headers": {"x-signed": "signed too", "x-unsigned": "free"},
        "body": body,
    }
    added = sign(scheme, secret=secret, now=NOW, delivery_id=delivery_id, **request)
    headers = request["headers"] | {name.lower(): value for name, value in added.items()}
    return request | {"headers": headers, "secrets": [secret], "now": NOW}


def passes(scheme: Scheme, request: dict[str, Any]) -> bool:
    try:
        verify(scheme, **request)
    except SignatureError:
        return False
    return True


@given(schemes(), st.binary(max_size=200), tokens)
def test_what_is_signed_is_verified(
    scheme_and_secret: tuple[Scheme, str], body: bytes, delivery_id: str
) -> None:
    scheme, secret = scheme_and_secret
    verified = verify(scheme, **signed_by(scheme, secret, body, delivery_id))
    assert verified.delivery_id in (delivery_id, None)
    assert (verified.timestamp is None) or abs(verified.timestamp - NOW) <= 1
    assert (verified.timestamp is not None) == scheme.is_timed


@given(schemes(), st.binary(min_size=1, max_size=200), st.data())
def test_no_changed_byte_of_the_body_passes(
    scheme_and_secret: tuple[Scheme, str], body: bytes, data: st.DataObject
) -> None:
    scheme, secret = scheme_and_secret
    request = signed_by(scheme, secret, body, "id1")
    position = data.draw(st.integers(0, len(body) - 1))
    other = body[position] ^ data.draw(st.integers(1, 255))
    changed = body[:position] + bytes([other]) + body[position + 1 :]
    assert not passes(scheme, request | {"body": changed})


@given(schemes(), st.data())
def test_no_changed_character_of_what_is_signed_passes(
    scheme_and_secret: tuple[Scheme, str], data: st.DataObject
) -> None:
    scheme, secret = scheme_and_secret
    request = signed_by(scheme, secret, b'{"a": 1}', "id1")
    places = ["secret", *signed_places(scheme)]
    place = data.draw(st.sampled_from(places))
    if place == "secret":
        assert not passes(scheme, request | {"secrets": [changed(secret, data)]})
    elif place in ("url", "method"):
        assert not passes(scheme, request | {place: changed(request[place], data)})
    else:
        headers = request["headers"] | {place: changed(request["headers"][place], data)}
        assert not passes(scheme, request | {"headers": headers})


def signed_places(scheme: Scheme) -> list[str]:
    """Where in a request a change must be noticed, the body apart."""
    header = getattr(scheme, "header")  # noqa: B009 - Scheme does not promise a header
    content = getattr(scheme, "signed_content")  # noqa: B009 - as above
    timestamp_header = getattr(scheme, "timestamp_header")  # noqa: B009 - as above
    headers = ("x-signed", "x-id", "webhook-id")
    return [
        header.lower(),
        *([timestamp_header.lower()] if timestamp_header else []),
        *(place for place in ("url", "method") if content.covers(place)),
        *(name for name in headers if content.covers(f"header:{name}")),
    ]


def changed(text: str, data: st.DataObject) -> str:
    """The text with one character replaced by another one of ASCII that is no padding."""
    position = data.draw(st.integers(0, len(text) - 1))
    others = [chr(code) for code in range(33, 127) if chr(code) != text[position]]
    return text[:position] + data.draw(st.sampled_from(others)) + text[position + 1 :]


values = st.one_of(
    st.text(max_size=60),
    st.text("0123456789abcdefv=,. ;|tTZ:+-", max_size=60),
    st.sampled_from(["v1,", "t=", "sha256=", "t=1,v1=", "\x00", "\r\nx: y", "=" * 200]),
)
names = st.sampled_from(
    [
        "X-Signature",
        "x-signature",
        "x-time",
        "x-id",
        "x-signed",
        "X-Hub-Signature-256",
        "X-HubSpot-Signature-v3",
        "X-HubSpot-Request-Timestamp",
        "webhook-id",
        "webhook-timestamp",
        "webhook-signature",
        "X-Zendesk-Webhook-Signature",
        "X-Zendesk-Webhook-Signature-Timestamp",
    ]
)


@examples(100)
@given(
    schemes(),
    st.lists(values, max_size=3),
    values,
    values,
    st.dictionaries(names, values, max_size=8),
    st.binary(max_size=50),
)
def test_nothing_but_signature_error_is_raised_and_nothing_random_passes(
    scheme_and_secret: tuple[Scheme, str],
    secrets: list[str],
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    scheme, _ = scheme_and_secret
    with pytest.raises(SignatureError):
        verify(scheme, secrets=secrets, method=method, url=url, headers=headers, body=body, now=NOW)
