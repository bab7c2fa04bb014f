"""What is printed of a preset is enough to sign by hand, which is done here without its code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import subprocess
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from receiver.signatures import PRESETS, SignatureError, verify
from receiver.signatures.describing import all_described
from receiver.signatures.formulas import PLACEHOLDERS, Formula, Written
from receiver.signatures.worked_example import EXAMPLE_ID, EXAMPLE_TIME
from tests.support.requests import NOW, secret_of, unsigned
from tests.support.scheme_tables import placeholders_table
from tests.support.schemes_page import COMMAND, PAGE, as_page

DESCRIBED = {one.scheme: one for one in all_described()}
ID = "id-1"
_HUBSPOT = {"%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'"}
_PLACEHOLDER = re.compile(r"\{([a-z_0-9]+(?::[^{}]+)?)\}")


@dataclass
class ByHand:
    """A person with a formula, a secret and a request that is not signed yet."""

    formula: Formula
    secret: str
    method: str
    url: str
    headers: dict[str, str]
    body: bytes
    signature: str = ""
    element: dict[str, Any] = field(default_factory=dict)

    def sign(self) -> dict[str, Any]:
        for one in self.formula.before:
            self.write(one)
        if not self.in_elements:
            self.signature = self.signed() if self.formula.method != "none" else ""
        for one in self.formula.after:
            self.write(one)
        return {
            "method": self.method,
            "url": self.url,
            "headers": self.headers,
            "body": self.body,
            "secrets": [self.secret],
        }

    @property
    def in_elements(self) -> bool:
        return any("[]" in one.name for one in self.formula.after)

    def write(self, one: Written) -> None:
        if one.place == "header":
            self.headers[one.name.lower()] = self.filled(one.text)
        elif one.place == "query":
            joint = "&" if "?" in self.url else "?"
            self.url += f"{joint}{one.name}={quote(self.filled(one.text), safe='')}"
        elif one.place == "form":
            pair = f"{one.name}={quote(self.filled(one.text), safe='')}".encode()
            self.body = b"&".join((self.body, pair))
        elif "[]" in one.name:
            self.write_in_each(one)
        elif not one.name:
            self.body = self.filled(one.text).encode()
        else:
            document = self.document()
            put(document, one.name, self.filled(one.text))
            self.rewrite(document)

    def write_in_each(self, one: Written) -> None:
        outer, _, inner = one.name.partition("[].")
        document = self.document()
        for self.element in document[outer]:
            if self.formula.method != "none":
                self.signature = self.signed()
            put(self.element, inner, self.filled(one.text))
        self.rewrite(document)

    def document(self) -> dict[str, Any]:
        if not self.body.startswith(b"--"):
            return dict(json.loads(self.body))
        return dict(json.loads(self.body.split(b"\r\n\r\n", 1)[1].split(b"\r\n--")[0]))

    def rewrite(self, document: dict[str, Any]) -> None:
        text = json.dumps(document).encode()
        if self.body.startswith(b"--"):
            head, rest = self.body.split(b"\r\n\r\n", 1)
            text = head + b"\r\n\r\n" + text + rest[rest.index(b"\r\n--") :]
        self.body = text

    def filled(self, template: str) -> str:
        return _PLACEHOLDER.sub(lambda found: self.value(found[1]).decode(), template)

    def content(self) -> bytes:
        parts = _PLACEHOLDER.split(self.formula.content or "")
        return b"".join(
            self.value(part) if number % 2 else part.encode() for number, part in enumerate(parts)
        )

    def value(self, name: str) -> bytes:
        kind, _, rest = name.partition(":")
        known = "NAME" if kind in ("header", "field") else "PATH"
        assert (f"{kind}:{known}" if rest else kind) in PLACEHOLDERS
        if kind == "field":
            return dict(parse_qsl(self.body.decode()))[rest].encode()
        if kind == "element":
            found: Any = self.element
            for step in rest.split("."):
                found = found.get(step, {})
            return b"" if found == {} else str(found).encode()
        if kind == "member_quoted":
            return quote(self.value(f"member:{rest}"), safe="!'()*~-_.").encode()
        if kind == "header":
            return self.headers[rest.lower()].encode()
        if kind == "member":
            value: Any = self.document()
            for step in rest.split("."):
                value = value[step]
            return str(value).encode()
        return self.simple(kind)

    def simple(self, name: str) -> bytes:
        if name == "url":
            url = self.url
            for escape, char in _HUBSPOT.items() if self.formula.url_transform else ():
                url = url.replace(escape, char)
            return url.encode()
        if name == "data":
            return base64.b64decode(self.element["encryptedContent"]["data"])
        values: dict[str, bytes] = {
            "method": self.method.encode(),
            "body": self.body,
            "timestamp": written_time(self.formula.time_unit).encode(),
            "expiry": str(int(NOW) + 60).encode(),
            "id": ID.encode(),
            "fields": "".join(
                name + value
                for name, value in sorted(parse_qsl(self.body.decode(), keep_blank_values=True))
            ).encode()
            if b"=" in self.body
            else b"",
            "body_sha256": hashlib.sha256(self.body).hexdigest().encode(),
            "body_sha256_base64": base64.b64encode(hashlib.sha256(self.body).digest()),
            "url_sha256": hashlib.sha256(self.url.encode()).hexdigest().encode(),
            "nonce": b"n0nce",
            "token": b"t0ken",
            "secret": self.secret.encode(),
            "user": self.secret.partition(":")[0].encode(),
            "secret_base64": base64.b64encode(self.secret.encode()),
            "signature": self.signature.encode(),
        }
        return values[name]

    def key(self) -> bytes:
        if self.formula.key == "hex":
            return bytes.fromhex(self.secret)
        if self.formula.key in ("base64", "whsec"):
            return base64.b64decode(self.secret.removeprefix("whsec_"))
        if self.formula.key == "sha1":
            private = self.secret.partition(":")[2].encode()
            return hashlib.sha1(private, usedforsecurity=False).digest()
        return self.secret.encode()

    def signed(self) -> str:
        formula = self.formula
        if formula.method == "jwt":
            claims: dict[str, Any] = {name: self.filled(text) for name, text in formula.claims}
            claims |= {name: int(claims[name]) for name in ("iat", "exp") if name in claims}
            claims = self.document() if "*" in claims else claims
            return jwt.encode(claims, self.secret, algorithm=formula.algorithm)
        content, algorithm = self.content(), formula.algorithm or ""
        if formula.method == "hmac":
            digest = hmac.digest(self.key(), content, algorithm)
        elif formula.method == "hash":
            digest = hashlib.new(algorithm, content).digest()
        else:
            digest = signed_by_private_key(self.secret, content)
        encoded = {
            "hex": digest.hex(),
            "base64": base64.b64encode(digest).decode(),
            "base64url": base64.urlsafe_b64encode(digest).decode(),
        }
        return encoded[formula.encoding or ""]


def signed_by_private_key(pem: str, content: bytes) -> bytes:
    key = serialization.load_pem_private_key(pem.encode(), password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(content, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(content)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(content, ec.ECDSA(hashes.SHA256()))


def written_time(unit: str | None) -> str:
    if unit in ("iso8601", "iso8601-utc"):
        return "2026-09-21T14:13:20" + ("Z" if unit == "iso8601" else "")
    if unit == "date and time":
        return "2026-09-21 14:13:20"
    return str(int(NOW * 1000)) if unit == "milliseconds" else str(int(NOW))


def put(members: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        members = members.setdefault(parent, {})
    members[name] = value


def by_hand(name: str) -> dict[str, Any]:
    request = unsigned(name)
    return ByHand(DESCRIBED[name].formula, secret_of(name), **request).sign()


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_a_request_signed_by_the_formula_alone_is_accepted(name: str) -> None:
    request = by_hand(name)
    assert verify(name, **request, now=NOW).secret_index == 0
    if PRESETS[name].protects_body:
        with pytest.raises(SignatureError):
            verify(name, **request | {"body": request["body"] + b" "}, now=NOW)


def test_a_formula_that_is_wrong_by_a_character_is_noticed() -> None:
    """The interpreter does what it reads: nothing of the scheme's code signs here."""
    request = ByHand(
        PRESETS["zendesk"].formula(), secret_of("zendesk"), **unsigned("zendesk")
    )  # fmt: skip
    request.formula = DESCRIBED["webflow"].formula
    with pytest.raises(SignatureError):
        verify("zendesk", **request.sign(), now=NOW)


@pytest.mark.parametrize(
    "name",
    sorted({
        (one.openssl or "").partition("openssl")[2]: one.scheme
        for one in DESCRIBED.values()
        if one.openssl and one.example and "fields" not in one.openssl.lower()
        and "data" not in one.openssl.lower() and one.formula.url_transform is None
    }.values()),
)  # fmt: skip
def test_the_command_for_openssl_prints_the_signature_of_the_example(name: str) -> None:
    """One preset for each way to use it."""
    one = DESCRIBED[name]
    assert one.openssl is not None
    assert one.example is not None
    sent = {"METHOD": one.example.method, "URL": one.example.url, "BODY": one.example.body}
    unit = one.formula.time_unit
    stamp = f"{EXAMPLE_TIME}000" if unit == "milliseconds" else str(EXAMPLE_TIME)
    stamp = written_time(unit) if unit in ("iso8601", "iso8601-utc") else stamp
    variables = sent | {"TIMESTAMP": stamp, "ID": EXAMPLE_ID, "SECRET": one.example.secret}
    for path in re.findall(r"\{member(?:_quoted)?:([^}]+)\}", one.formula.content or ""):
        value: Any = json.loads(one.example.body)
        for step in path.split("."):
            value = value[step]
        variables[path.upper().replace(".", "_")] = str(value)
    variables |= {
        name.upper().replace("-", "_"): text for name, text in one.example.headers.items()
    }
    ran = subprocess.run(
        ["/bin/sh", "-c", one.openssl],
        env={"PATH": "/usr/bin:/bin", **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    printed = ran.stdout.strip()
    assert len(printed) > 20
    assert any(printed in text for text in (*one.example.headers.values(), one.example.body))


def test_every_preset_without_a_private_key_has_an_example_that_is_right() -> None:
    without = {name for name, one in DESCRIBED.items() if one.example is None}
    assert without == {name for name, one in DESCRIBED.items() if one.formula.key == "pem"}


def test_the_page_has_every_formula() -> None:
    text = PAGE.read_text("utf-8")
    assert placeholders_table() in text
    assert as_page(text) == text, f"run {COMMAND}"
