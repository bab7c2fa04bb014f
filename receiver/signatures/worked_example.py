"""One request of each preset, signed: what a formula comes to.

Owns the example's secret and body. Refuses presets that sign with a private key: an example of
those is of no use without it.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula
from receiver.signatures.records import Request
from receiver.signatures.scheme import Scheme
from receiver.signatures.signing import put

#: When every example is signed: 2026-09-21 14:13:20 UTC.
EXAMPLE_TIME = 1_790_000_000
EXAMPLE_ID = "example-1"

_KEY = b"example-key-of-thirty-two-bytes!"
_BASE64 = b64encode(_KEY).decode()
_SECRETS = {
    "utf8": "example-secret-of-text",
    "base64": _BASE64,
    "hex": _KEY.hex(),
    "whsec": f"whsec_{_BASE64}",
    "sha1": "user:password",
}
_MEMBER = re.compile(r"\{member(?:_quoted)?:([^}]+)\}")
_ELEMENT = re.compile(r"\{element:([^}]+)\}")
_FIELD = re.compile(r"\{field:([^}]+)\}")
_URL = "https://hooks.example.com/webhooks/SOURCE"


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A signed request, and the secret that signed it."""

    secret: str
    method: str
    url: str
    headers: Mapping[str, str]
    body: str


def worked_example(scheme: Scheme) -> WorkedExample | None:
    """The example of this scheme; None where it needs a private key."""
    formula = scheme.formula()
    if formula.key == "pem":
        return None
    basic = any("{secret_base64}" in one.text for one in formula.written)
    secret = "user:password" if basic else _SECRETS[formula.key]
    try:
        sent = _signed(scheme, Request("POST", _URL, {}, _body(formula)), secret)
    except SignatureError:
        return None
    return WorkedExample(secret, sent.method, sent.url, sent.headers, sent.body.decode())


def _body(formula: Formula) -> bytes:
    """What a vendor could have to say, with all that the formula reads there."""
    content = formula.content or ""
    if "{fields}" in content:
        return b"id=1"
    if "{field:" in content:
        return urlencode(dict.fromkeys(_FIELD.findall(content), "PGV4YW1wbGUvPg==")).encode()
    document: dict[str, Any] = {"id": 1}
    for name in [one.name for one in formula.written if "[]" in one.name]:
        element: dict[str, Any] = {"encryptedContent": {"data": "ZXhhbXBsZQ=="}}
        for path in _ELEMENT.findall(content):
            put(element, path, "example")
        document = {name.partition("[]")[0]: [element]}
    for path in _MEMBER.findall(content):
        put(document, path, "example")
    return json.dumps(document, separators=(",", ":")).encode()


def _signed(scheme: Scheme, given: Request, secret: str) -> Request:
    now = float(EXAMPLE_TIME)
    sent = scheme.sign(given, secret=secret, now=now, delivery_id=EXAMPLE_ID)
    scheme.verify(sent, secrets=[secret], now=now)
    return replace(sent, headers=scheme.headers_of(sent))
