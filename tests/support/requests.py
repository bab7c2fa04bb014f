"""A request as each preset's vendor would send it: its secret, its body, its headers."""

from __future__ import annotations

import base64
import functools
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from receiver.signatures import PRESETS, signed_request
from receiver.signatures.rules import shown_in_set_up

NOW = 1_790_000_000.25
URL = "https://hooks.example.com/webhooks/x?a=1&b=%3A"
KEY = bytes(range(1, 33))
TEXT = "a secret of text, long enough"
OTHER_TEXT = "another one, long enough too"

_FORM = "application/x-www-form-urlencoded"
_FORMS = ("braintree", "twilio-form", "twilio-sharedkey", "mailchimp-transactional")
_IN_BASE64 = ("airtable", "brex", "daily", "finch", "msteams", "msgraph-rich", "openphone")
_IN_HEX = ("adyen", "adyen-platform", "close", "dixa")
_WHSEC = (
    *("standard-webhooks", "svix", "gitlab-signing-token", "humanlayer", "incident-io"),
    *("quo", "recall-ai", "fathom", "openai", "folk", "loops", "resend", "ada"),
)
#: What kind of key pair a preset's secret is of.
KEY_PAIRS = {
    **dict.fromkeys(("gong", "ironclad", "freshchat", "highlevel-rsa", "wise"), "rsa"),
    "sendgrid": "ec",
    **dict.fromkeys(("telnyx", "highlevel"), "ed25519"),
}
#: A name and a password, or two keys, with a colon between them.
_PAIRS = ("braintree", "chargebee", "deepgram", "pipedrive", "postmark")
_BODIES = {
    "msgraph": b'{"value":[{"changeType":"updated"},{"changeType":"created"}]}',
    "msgraph-rich": b'{"value":[{"encryptedContent":{"data":"ECBjaXBoZXI="}}]}',
    "dropbox-sign": b'{"event":{"event_type":"signature_request_all_signed"}}',
    "adyen": b'{"notificationItems":[{"NotificationRequestItem":{"pspReference":"8"}}]}',
    "braintree": b"bt_payload=PG5vdGlmaWNhdGlvbi8%2B",
    "linear": b'{"action":"update","webhookTimestamp":0}',
    "plain": b'{"type":"thread.thread_created"}',
    "synthflow": b'{"status":"completed","call":{"call_id":"1711646262471x768387119913843100"}}',
    "justcall": b'{"webhook_url":"https://hooks.example.com/x?a=1","type":"call.completed"}',
    "mailgun": b'{"event-data":{"event":"delivered"}}',
}


@functools.cache
def private_key(kind: str) -> str:
    """A private key in PEM, in the place of the vendor's."""
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | Ed25519PrivateKey
    if kind == "rsa":
        key = rsa.generate_private_key(65537, 2048)
    elif kind == "ed25519":
        key = Ed25519PrivateKey.generate()
    else:
        key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


def secret_of(name: str, *, key: bytes = KEY, text: str = TEXT) -> str:
    """A secret of the kind that the preset takes; of another key, another one of that kind."""
    if name in KEY_PAIRS:
        return private_key(KEY_PAIRS[name])
    if name in _PAIRS:
        return f"user:{text}"
    if name in _IN_HEX:
        return key.hex()
    encoded = base64.b64encode(key).decode()
    if name in _IN_BASE64:
        return encoded
    return f"whsec_{encoded}" if name in _WHSEC else text


def block_of(name: str) -> dict[str, Any]:
    """The shortest verify block of the preset."""
    shown = {"handshake_secret": "A_VERIFY_TOKEN"} if shown_in_set_up(name) else {}
    return {"scheme": name, "secrets": ["A_SECRET"], **shown}


def unsigned(name: str, **changes: Any) -> dict[str, Any]:
    """What the vendor has to say, before anything is signed."""
    body = b"To=%2B1800&From=%2B1415&Note=" if name in _FORMS else b'{"a": "b"}'
    content_type = _FORM if name in _FORMS else "application/json"
    if name == "dropbox-sign":
        content_type = "multipart/form-data; boundary=before"
        part = b'--before\r\nContent-Disposition: form-data; name="json"\r\n\r\n'
        body = part + _BODIES[name] + b"\r\n--before--\r\n"
    return {
        "method": "POST",
        "url": URL,
        "headers": {"content-type": content_type},
        "body": body if name == "dropbox-sign" else _BODIES.get(name, body),
    } | changes


def signed(name: str, *, now: float = NOW, secret: str = "", **changes: Any) -> dict[str, Any]:
    """The arguments of `verify` for a request that the preset's vendor sends now."""
    secret = secret or secret_of(name)
    sent = signed_request(
        PRESETS[name], secret=secret, now=now, delivery_id="id1", **unsigned(name, **changes)
    )
    return {
        "method": sent.method,
        "url": sent.url,
        "headers": dict(sent.headers),
        "body": sent.body,
        "secrets": [secret],
        "now": now,
    }
