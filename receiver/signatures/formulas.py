"""How a request is signed, step by step, for a person who signs one by hand.

Owns the records, their words and the command for openssl. A formula follows from the
scheme that it describes; the tests sign by the formula alone, and the scheme accepts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

#: What stands in braces in a formula.
PLACEHOLDERS = {
    "method": "the method, POST",
    "url": "the URL as it is called, query included",
    "body": "the body's bytes as they are sent",
    "timestamp": "the time of signing",
    "expiry": "a time after that",
    "id": "the id of the delivery",
    "header:NAME": "the value of that header",
    "member:PATH": "the text of that member of the body",
    "element:PATH": "the text of that member of the element; empty where it has none",
    "field:NAME": "the value of that form field, decoded",
    "fields": "each form field's name and value, decoded, sorted by name, with nothing between",
    "member_quoted:PATH": "the same, as JavaScript's encodeURIComponent writes it",
    "body_sha256": "the SHA-256 of the body, in hex",
    "body_sha256_base64": "the SHA-256 of the body, in base64",
    "url_sha256": "the SHA-256 of the URL, in hex",
    "data": "the bytes that encryptedContent.data of that element holds in base64",
    "nonce": "a word that is used once",
    "token": "a word that is used once",
    "secret": "the secret as it is shown",
    "secret_base64": "the secret in base64",
    "user": "what stands in front of the secret's colon",
    "signature": "the signature",
}

Place = Literal["header", "query", "body", "form"]


@dataclass(frozen=True, slots=True)
class Written:
    """One thing that is written into the request: `text` may hold placeholders.

    In a body `name` is empty for the whole of it, or a path of members; `value[].a` is written in
    each element of `value`.
    """

    place: Place
    name: str
    text: str

    def __str__(self) -> str:
        if self.place == "query":
            return f"?{self.name}={self.text}"
        if self.place == "form":
            return f"form field {self.name}: {self.text}"
        if self.place == "body":
            return f"body {self.name}: {self.text}".replace(" :", ":")
        return f"{self.name}: {self.text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """First `before` is written, then `content` is signed, then `after` is written.

    `method` is hmac, hash (of the content, which holds the secret), ecdsa, rsa, ed25519, jwt (a
    token with `claims`; `*` are all members of the body) or none (the secret itself is written).
    `key` names how the secret becomes the key: utf8 (its text), base64, hex, whsec (base64 behind
    whsec_), sha1 (the SHA-1 of what follows its colon) or pem. `time_unit` is that of {timestamp}.
    `url_transform` names how {url} is changed.
    """

    method: Literal["hmac", "hash", "ecdsa", "rsa", "ed25519", "jwt", "none"]
    key: str = "utf8"
    algorithm: str | None = None
    content: str | None = None
    encoding: str | None = None
    before: tuple[Written, ...] = ()
    after: tuple[Written, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    time_unit: str | None = None
    url_transform: str | None = None
    note: str = ""

    @property
    def written(self) -> tuple[Written, ...]:
        """All that is written, in order."""
        return (*self.before, *self.after)


_KEYS = {
    "utf8": "the secret as text",
    "base64": "the secret, decoded from base64",
    "hex": "the secret, decoded from hex",
    "whsec": "the secret behind whsec_, decoded from base64",
    "sha1": "the SHA-1 of what follows the secret's colon",
    "pem": "a private key (the secret here is its public half)",
}
_METHODS = {
    "hmac": "HMAC-{algorithm} in {encoding}",
    "hash": "{algorithm} (no HMAC) in {encoding}",
    "ecdsa": "ECDSA with {algorithm}, DER in {encoding}",
    "rsa": "RSA (PKCS #1 v1.5) with {algorithm} in {encoding}",
    "ed25519": "Ed25519 in {encoding}",
    "jwt": "a JWT, {algorithm}",
    "none": "none",
}


def key_said(formula: Formula) -> str:
    """What the key is, in words."""
    return _KEYS[formula.key]


def signature_said(formula: Formula) -> str:
    """What the signature is, in words."""
    names = {"algorithm": (formula.algorithm or "").upper(), "encoding": formula.encoding}
    return _METHODS[formula.method].format(**names)


def content_said(formula: Formula) -> str:
    """What is signed: a template, or the claims of a token."""
    if formula.method == "jwt":
        return ", ".join(f"{name}: {text}" for name, text in formula.claims)
    changed = " (url as HubSpot decodes it)" if formula.url_transform else ""
    return f"{formula.content}{changed}" if formula.content else "nothing"


def time_said(formula: Formula) -> str:
    """How {timestamp} is written; empty where there is none."""
    if formula.time_unit is None:
        return ""
    if formula.time_unit == "iso8601":
        return "{timestamp} as 2026-09-21T14:13:20Z"
    if formula.time_unit == "iso8601-utc":
        return "{timestamp} as 2026-09-21T14:13:20, in UTC"
    if formula.time_unit == "date and time":
        return "{timestamp} as 2026-09-21 14:13:20"
    return f"{{timestamp}} in {formula.time_unit.replace('-', ' ')} since 1970"


_IN_HEX = "od -An -vtx1 | tr -d ' \\n'"
_OUT = {
    "hex": "-r | cut -d' ' -f1",
    "base64": "-binary | openssl base64 -A",
    "base64url": "-binary | openssl base64 -A | tr '+/' '-_'",
}
_HEX_KEYS = {
    "hex": "$SECRET",
    "base64": f'$(printf %s "$SECRET" | openssl base64 -d -A | {_IN_HEX})',
    "whsec": f'$(printf %s "${{SECRET##*whsec_}}" | openssl base64 -d -A | {_IN_HEX})',
}


def openssl_command(formula: Formula) -> str | None:
    """What prints the signature in a shell that has BODY, SECRET and so on as variables."""
    if formula.content is None or formula.encoding is None or formula.method == "ed25519":
        return None
    if formula.key == "sha1" or "{element:" in formula.content:
        return None
    if formula.method == "hmac" and formula.key == "utf8":
        how = '-hmac "$SECRET"'
    elif formula.method == "hmac":
        how = f'-mac HMAC -macopt "hexkey:{_HEX_KEYS[formula.key]}"'
    else:
        how = "" if formula.method == "hash" else "-sign private.pem"
    options = f"-{formula.algorithm} {how}".strip()
    out = "| openssl base64 -A" if formula.key == "pem" else _OUT[formula.encoding]
    return f"printf %s {_in_shell(formula.content)} | openssl dgst {options} {out}"


def _in_shell(content: str) -> str:
    """The template with shell variables: `"$TIMESTAMP.$BODY"`."""
    text = content
    for name in PLACEHOLDERS:
        text = text.replace(f"{{{name}}}", f"${{{name.upper()}}}")
    for kind in ("{header:", "{member:", "{member_quoted:"):
        while kind in text:
            name, _, rest = text.partition(kind)[2].partition("}")
            variable = "".join(c if c.isalnum() else "_" for c in name).upper()
            text = f"{text.partition(kind)[0]}${{{variable}}}{rest}"
    return f'"{text}"'


def steps(formula: Formula) -> dict[str, str]:
    """The formula in words, by what each line is about."""
    said = {"signature": signature_said(formula)}
    if formula.method == "none":
        said = {"signature": "none: every request shows the secret"}
    else:
        said |= {"key": key_said(formula), "signed": content_said(formula)}
    said["written"] = "\n".join(map(str, formula.written))
    said |= {"time": time_said(formula), "note": formula.note}
    said["by hand"] = openssl_command(formula) or ""
    return {name: text for name, text in said.items() if text}
