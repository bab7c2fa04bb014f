"""Every preset: what it signs it verifies, what is changed it refuses, and how it is described."""

from __future__ import annotations

import re
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from mappings.engine.redact.paths import parse_path
from mappings.engine.redact.redactor import redactor_of
from receiver.signatures import CAUSES, PRESETS, SignatureError, Strength, sign, verify
from receiver.signatures.describing import all_described, concerns
from tests.support.requests import (
    KEY_PAIRS,
    NOW,
    OTHER_TEXT,
    URL,
    secret_of,
    signed,
    unsigned,
)
from tests.support.scheme_tables import presets_table

KEYS = tuple(KEY_PAIRS)
#: Where one request shows all there is to know.
SHARED = [name for name, scheme in PRESETS.items() if scheme.strength is Strength.SHARED]
TIMED = [name for name, scheme in PRESETS.items() if scheme.is_timed]


def cause(name: str, request: dict[str, Any]) -> str:
    with pytest.raises(SignatureError) as caught:
        verify(name, **request)
    assert caught.value.cause in CAUSES
    return caught.value.cause


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_signed_is_verified(name: str) -> None:
    scheme = PRESETS[name]
    verified = verify(name, **signed(name))
    assert verified.secret_index == 0
    assert re.fullmatch(r"[0-9a-f]{64}", verified.signed_sha256)
    assert verified.delivery_id_signed == scheme.signs_delivery_id
    if scheme.signs_delivery_id:
        assert verified.delivery_id
    if scheme.is_timed:
        assert verified.timestamp is not None
        assert abs(verified.timestamp - NOW) <= 1


@pytest.mark.parametrize("name", PRESETS)
def test_another_secret_verifies_nothing(name: str) -> None:
    if name in KEYS:
        other = secret_of(name).replace("PRIVATE KEY", "SOMETHING")
    else:
        other = secret_of(name, key=bytes(range(32, 64)), text=OTHER_TEXT)
    assert cause(name, signed(name) | {"secrets": [other]}) in (
        "wrong-signature",
        "wrong-token",
        "malformed-secret",
    )


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("secrets", [[], [""], ["", " \n"]], ids=["none", "empty", "blank"])
def test_without_a_secret_nothing_passes(name: str, secrets: list[str]) -> None:
    assert cause(name, signed(name) | {"secrets": secrets}) in ("no-secret", "malformed-secret")


@pytest.mark.parametrize("name", PRESETS)
def test_a_good_secret_beside_bad_ones_is_named(name: str) -> None:
    request = signed(name)
    [right] = request["secrets"]
    assert verify(name, **(request | {"secrets": ["", "?", right]})).secret_index == 2


@pytest.mark.parametrize("name", TIMED)
def test_the_window_ends_before_and_after(name: str) -> None:
    scheme, request = PRESETS[name], signed(name)
    past = scheme.window_seconds or scheme.tolerance_seconds
    assert verify(name, **(request | {"now": NOW + min(past, 299) - 1})).signed_sha256
    assert cause(name, request | {"now": NOW + past + 2}) == "stale-timestamp"
    assert cause(name, request | {"now": NOW - scheme.tolerance_seconds - 2}) == "future-timestamp"


@pytest.mark.parametrize("name", PRESETS)
def test_a_request_that_says_nothing_is_refused(name: str) -> None:
    bare = signed(name) | {"headers": {}, "url": "https://hooks.example.com/", "body": b"{}"}
    assert cause(name, bare)


@pytest.mark.parametrize("name", [name for name in PRESETS if PRESETS[name].protects_body])
def test_an_added_byte_of_the_body_is_noticed(name: str) -> None:
    request = signed(name)
    assert cause(name, request | {"body": request["body"] + b" "}) in (
        "wrong-signature",
        "wrong-claims",
        "malformed-body",
    )


@pytest.mark.parametrize("name", SHARED)
def test_a_header_that_shows_the_secret_is_never_kept(name: str) -> None:
    [secret] = signed(name)["secrets"]
    for header, value in signed(name)["headers"].items():
        if secret in value:
            assert header in PRESETS[name].secret_headers


@pytest.mark.parametrize("name", PRESETS)
def test_a_member_of_the_body_that_shows_the_secret_is_taken_out(name: str) -> None:
    redactor = redactor_of(map(parse_path, PRESETS[name].secret_members))
    body, headers = signed(name)["body"], signed(name)["headers"]
    left = (
        redactor.apply(body, {"content-type": "application/json", **headers}).body
        if redactor
        else body
    )
    assert not any(secret.encode() in left for secret in signed(name)["secrets"])


@pytest.mark.parametrize("name", PRESETS)
def test_headers_alone_are_enough_where_the_vendor_signs_in_them(name: str) -> None:
    request, sent = unsigned(name), signed(name)
    if (sent["url"], sent["body"]) == (URL, request["body"]):
        added = sign(name, secret=secret_of(name), now=NOW, **request)
        request |= {"headers": request["headers"] | added, "secrets": [secret_of(name)]}
        assert verify(name, **request, now=NOW).secret_index == 0


@pytest.mark.parametrize("name", KEYS)
def test_a_public_key_cannot_sign_and_verifies_what_its_private_half_signed(name: str) -> None:
    private = serialization.load_pem_private_key(secret_of(name).encode(), password=None)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    request = signed(name) | {"secrets": [public.decode()]}
    assert verify(name, **request).secret_index == 0
    with pytest.raises(SignatureError, match="public key cannot sign"):
        sign(name, secret=public.decode(), now=NOW, **unsigned(name))


def test_every_preset_says_what_a_person_needs() -> None:
    for one in all_described():
        assert one.vendor
        assert one.header
        assert one.strength in set(Strength)
        assert one.scheme in presets_table()


def test_what_is_weak_is_said() -> None:
    said = {name: " ".join(concerns(scheme)) for name, scheme in PRESETS.items()}
    assert "payload unprotected" in said["lever"]
    assert "payload unprotected" in said["dropbox-sign"]
    assert "payload unprotected" in said["monday"]
    assert "shared secret" in said["pipedrive"]
    assert "neither" in said["github"]
    assert said["stripe"] == said["standard-webhooks"] == ""
