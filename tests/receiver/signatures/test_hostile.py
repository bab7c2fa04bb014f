"""What an attacker makes of a request that was once rightly signed, or of none at all."""

from __future__ import annotations

import base64
import hashlib
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from receiver.signatures import PRESETS, Request, SignatureError, verify
from tests.support.requests import NOW, secret_of, signed

KEY = "0123456789abcdef0123456789abcdef"
URL = "https://hooks.example.com/webhooks/x"


def cause(name: str, **request: Any) -> str:
    given: dict[str, Any] = {
        "method": "POST",
        "url": URL,
        "headers": {},
        "body": b"{}",
        "now": NOW,
    } | request
    with pytest.raises(SignatureError) as caught:
        verify(name, **given)
    return caught.value.cause


@pytest.mark.parametrize("name", ["linear", "slack-events", "zoho-crm"])
def test_a_multipart_head_without_an_end_costs_one_pass(name: str) -> None:
    unit = b"content-disposition: form-data;"
    body = b"--X\r\n" + unit * (60_000 // len(unit))
    headers = {"content-type": "multipart/form-data; boundary=X", "linear-signature": "aa"}
    began = time.process_time()
    assert not any(
        one.recognises(Request("POST", URL, headers, body)) for one in PRESETS[name].handshakes
    )
    cause(name, headers=headers, body=body, secrets=[KEY])
    assert time.process_time() - began < 0.5  # took 3 s and more


@pytest.mark.parametrize("name", ["hubspot-v1", "hubspot-v2"])
def test_a_plain_hash_that_was_extended_verifies_nothing(name: str) -> None:
    """An extended hash is a right one over the old content, SHA-256's padding and what follows."""
    request = signed(name)
    body, front = request["body"], ("POST" + request["url"]) if name == "hubspot-v2" else ""
    old = KEY.encode() + front.encode() + body
    glue = b"\x80" + bytes((55 - len(old)) % 64) + (len(old) * 8).to_bytes(8)
    part = b'--X\r\nContent-Disposition: form-data; name="payload"\r\n\r\n{"deal":"forged"}'
    more = glue + b"\r\n" + part + b"\r\n--X--\r\n"
    changes = {
        "X-HubSpot-Signature": hashlib.sha256(old + more).hexdigest(),
        "content-type": "multipart/form-data; boundary=X; charset=iso-8859-1",
    }
    kept = {"url": request["url"], "headers": changes, "body": body + more, "secrets": [KEY]}
    assert cause(name, **kept) == "malformed-body"


@pytest.mark.parametrize(
    ("qsh", "url", "expected"),
    [
        (["a"], URL, "wrong-claims"),
        ({}, URL, "wrong-claims"),
        ("a", "https://[/webhooks/x", "malformed-url"),
    ],
)
def test_an_odd_hash_or_url_of_jira_is_refused(qsh: object, url: str, expected: str) -> None:
    token = jwt.encode({"qsh": qsh, "exp": NOW + 60}, KEY, "HS256")
    headers = {"Authorization": f"JWT {token}"}
    assert cause("jira-connect-or-dynamic", url=url, headers=headers, secrets=[KEY]) == expected


def test_no_object_inside_an_ironclad_body_is_passed_off_as_the_body() -> None:
    private = serialization.load_pem_private_key(secret_of("ironclad").encode(), password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    # Signed as id `evt`, body `{"a":{"b":1}}`, nonce `n`; shown as if it had been cut otherwise.
    signature = private.sign(b'evt{"a":{"b":1}}n', padding.PKCS1v15(), hashes.SHA256())

    claims = {
        "signAlgorithm": "RSA-SHA256",
        "signature": base64.b64encode(signature).decode(),
        "encoding": "base64",
    }
    header = "X-Ironclad-Webhook-Verification"

    def shown(event_id: str, body: bytes, nonce: str) -> dict[str, Any]:
        return {
            "headers": {
                "X-Ironclad-Webhook-Event-Id": event_id,
                header: json.dumps(claims | {"nonce": nonce}),
            },
            "body": body,
            "secrets": [secret_of("ironclad")],
        }

    whole = shown("evt", b'{"a":{"b":1}}', "n")
    verify("ironclad", method="POST", url=URL, now=NOW, **whole)
    assert cause("ironclad", **shown('evt{"a":', b'{"b":1}', "}n")) == "malformed-header"
