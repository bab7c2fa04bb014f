"""Which POSTs are one delivery, by scheme: no id that a sender may leave out or choose is a key."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest

from receiver.signatures import PRESETS, Coverage, SignatureError, verify
from receiver.web.dedupe import dedupe_key
from tests.support.requests import NOW, signed

SIGNED = [name for name, scheme in PRESETS.items() if scheme.signs_delivery_id]
UNSIGNED = [
    name
    for name, scheme in PRESETS.items()
    if scheme.id_place and not scheme.signs_delivery_id and scheme.coverage is not Coverage.FIELDS
]
FORMS = [name for name, scheme in PRESETS.items() if scheme.coverage is Coverage.FIELDS]


def key_of(name: str, request: dict[str, Any]) -> str:
    """The key under which this request is one delivery."""
    digest = hashlib.sha256(request["body"]).hexdigest()
    return dedupe_key(verify(name, **request), body_sha256=digest, delivery_id="ours")


@pytest.mark.parametrize("name", PRESETS)
def test_the_same_bytes_again_are_the_same_delivery(name: str) -> None:
    request = signed(name)
    assert key_of(name, request) == key_of(name, dict(request))


@pytest.mark.parametrize("name", SIGNED)
def test_a_signed_id_stands_alone_and_must_be_there(name: str) -> None:
    request = signed(name)
    assert key_of(name, request).startswith("id:")
    place = PRESETS[name].id_place or ""
    if place.lower() in request["headers"]:
        for value in ("", " "):
            headers = request["headers"] | {place.lower(): value}
            with pytest.raises(SignatureError):
                verify(name, **request | {"headers": headers})


@pytest.mark.parametrize("name", UNSIGNED)
def test_an_unsigned_id_counts_with_the_body_only_and_empty_it_is_none(name: str) -> None:
    request, place = signed(name), PRESETS[name].id_place or ""
    digest = hashlib.sha256(request["body"]).hexdigest()
    with_id = request | {"headers": request["headers"] | {place.lower(): "their-id"}}
    assert key_of(name, with_id) == f"id+body:their-id:{digest}"
    without = {
        header: text for header, text in with_id["headers"].items() if header != place.lower()
    }
    for headers in (without, without | {place.lower(): " "}):
        assert key_of(name, request | {"headers": headers}).startswith("signed:")


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, scheme in PRESETS.items()
        if scheme.id_place is None and name not in ("dropbox-sign", "synthflow", "justcall")
    ],
)
def test_without_an_id_two_bodies_are_two_deliveries(name: str) -> None:
    if name.startswith("msgraph"):
        texts = ("AAAA", "BBBB")
        bodies = [f'{{"value":[{{"encryptedContent":{{"data":"{t}"}}}}]}}'.encode() for t in texts]
    elif name == "adyen":
        item = '{{"notificationItems":[{{"NotificationRequestItem":{{"pspReference":"{}"}}}}]}}'
        bodies = [item.format(reference).encode() for reference in "12"]
    elif name == "braintree":
        bodies = [b"bt_payload=PGE%2B", b"bt_payload=PGI%2B"]
    elif name.startswith(("twilio-s", "twilio-f", "mailchimp-t")):
        bodies = [b"a=1", b"a=2"]
    else:
        bodies = [b'{"n":1}', b'{"n":2}']
    json: dict[str, Any] = {"headers": {"content-type": "application/json"}}
    keys = {key_of(name, signed(name, body=body, **json)) for body in bodies}
    assert len(keys) == 2


@pytest.mark.parametrize("name", FORMS)
def test_no_unsigned_id_and_no_moved_border_makes_another_delivery(name: str) -> None:
    body = b"AccountSid=AC1&Body=NO&MessageSid=SM9f&NumMedia=0"
    request = signed(name, body=body)
    keys = {
        key_of(name, request | {"body": body.replace(*moved), "headers": request["headers"] | id_})
        for moved in (
            (b"", b""),
            (b"SM9f&NumMedia=0", b"SM9fN&umMedia=0"),
            (b"SM9f&NumMedia=0", b"SM9fNumMedi&a=0"),
            (b"Body=NO", b"Bod=yNO"),
            (b"Body=NO", b"Body=%4EO"),
        )
        for id_ in ({}, {"i-twilio-idempotency-token": "other"})
    }
    assert len(keys) == 1
    assert keys.pop().startswith("signed:")


def test_two_bodies_under_one_signature_of_dropbox_sign_are_one_delivery_and_not_a_repeat() -> None:
    body = b'{"event":{"event_type":"sent"},"signature_request":"%s"}'
    requests = [signed("dropbox-sign", body=body % request, headers={}) for request in (b"a", b"b")]
    assert len({key_of("dropbox-sign", request) for request in requests}) == 1
    assert all(verify("dropbox-sign", **request).one_body for request in requests)
    assert not verify("dropbox-sign", **requests[0]).delivery_id_signed


@pytest.mark.parametrize(
    ("token", "at"), [("ab", "0{at}"), ("a", "b0{at}"), ("ab01", "{at_short}"), ("ab0", "+{at}")]
)
def test_no_digit_of_a_time_is_moved_into_or_out_of_a_token_of_lever(token: str, at: str) -> None:
    """The token is the delivery's id, so another one would bill again."""
    now = int(NOW * 1000)
    key = b"a secret of text, long enough"
    moved = at.format(at=now, at_short=str(now)[1:])
    content = f"ab0{now}".encode()
    members = {"token": token, "triggeredAt": moved}
    members["signature"] = hmac.digest(key, content, "sha256").hex()
    body = json.dumps(members).encode()
    request = signed("lever") | {"body": body, "secrets": [key.decode()], "now": now / 1000}
    with pytest.raises(SignatureError):
        verify("lever", **request)


def test_a_token_of_lever_is_used_once_whatever_stands_around_it() -> None:
    request = signed("lever")
    forged = request | {"body": request["body"].replace(b'"b"', b'"forged"')}
    assert key_of("lever", forged) == key_of("lever", request)
    assert verify("lever", **forged).delivery_id_signed


def test_a_retry_with_a_new_time_of_signing_is_kept_and_left_to_once_per() -> None:
    first, again = (key_of("stripe", signed("stripe", now=NOW + late)) for late in (0, 5))
    assert first != again
