"""Public keys: SendGrid (ECDSA), Ironclad (RSA), and how such a key is read.

The secret of such a source is the vendor's public key. A private key in its place stands for its
public half, so that a test or `receiver send` can sign as the vendor would.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from receiver.signatures.borders import PLAIN
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import json_value, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request, Strength

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
_Key = TypeVar("_Key")

#: RSA keys below this are broken (NIST SP 800-131A).
SHORTEST_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key, with its private half where that is what was configured."""

    public: PublicKey
    private: PrivateKey | None


def read_key_pair(secret: str) -> KeyPair:
    """The key in PEM, or in base64 of its DER (SubjectPublicKeyInfo); ValueError otherwise."""
    text = secret.strip()
    try:
        if "PRIVATE KEY-----" in text:
            private = serialization.load_pem_private_key(text.encode(), password=None)
            if isinstance(private, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
                return KeyPair(_sound(private.public_key()), private)
            raise ValueError("another kind of key")
        if text.startswith("-----BEGIN"):
            public = serialization.load_pem_public_key(text.encode())
        else:
            public = serialization.load_der_public_key(base64.b64decode(text, validate=True))
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    return KeyPair(_sound(public), None)


def read_keys(secrets: Sequence[str], read: Callable[[str], _Key | None]) -> list[tuple[int, _Key]]:
    """The keys that `read` can make of the secrets; raise SignatureError if there are none."""
    given = [(index, secret) for index, secret in enumerate(secrets) if secret.strip()]
    if not given:
        raise SignatureError("no-secret")
    keys: list[tuple[int, _Key]] = []
    for index, secret in given:
        try:
            key = read(secret)
        except ValueError:
            continue
        if key is not None:
            keys.append((index, key))
    if not keys:
        raise SignatureError("malformed-secret", "no secret holds a key of the right kind")
    return keys


@dataclass(frozen=True, slots=True, kw_only=True)
class EcdsaScheme(HmacScheme):
    """SendGrid: ECDSA on P-256 with SHA-256, DER in base64.

    https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
    and sendgrid 6.12 helpers/eventwebhook (2026-08).
    """

    @property
    def strength(self) -> Strength:
        return Strength.STRONG

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(HmacScheme.formula(self), method="ecdsa", key="pem")

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        def read(secret: str) -> KeyPair | None:
            pair = read_key_pair(secret)
            key = pair.public
            is_p256 = isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == "secp256r1"
            return pair if is_p256 else None

        return list(read_keys(secrets, read))

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        return any(_holds(key.public, _der(one), content, _ECDSA_SHA256) for one in candidates)

    def _digest(self, key: Any, content: bytes) -> str:
        require_private(key)
        return base64.b64encode(key.private.sign(content, _ECDSA_SHA256)).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class IroncladScheme(HmacScheme):
    """Ironclad: RSA (PKCS#1 v1.5) with SHA-256 over event id, body and a nonce of the header.

    https://developer.ironcladapp.com/reference/webhook-verification (2026-08); the order of what
    is signed is second-hand. The header's own word for the algorithm is held against one name.
    Nothing stands between the three, so id and nonce must be plain words: otherwise a part of
    the body could be passed off as theirs, and an object inside it as the body.
    """

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return ("id", "body", "nonce")

    @property
    def ends_of_body(self) -> tuple[str, str]:
        return PLAIN, PLAIN

    def formula(self) -> Formula:
        """See Scheme."""
        members = (
            *(("nonce", "{nonce}"), ("signAlgorithm", "RSA-SHA256")),
            *(("signature", "{signature}"), ("encoding", "base64")),
        )
        header = json.dumps(dict(members))
        return replace(
            HmacScheme.formula(self),
            method="rsa",
            key="pem",
            content="{id}{body}{nonce}",
            after=(Written("header", self.header, header),),
        )

    @property
    def strength(self) -> Strength:
        return Strength.STRONG

    @property
    def signs_delivery_id(self) -> bool:
        return True

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        def read(secret: str) -> KeyPair | None:
            pair = read_key_pair(secret)
            return pair if isinstance(pair.public, rsa.RSAPublicKey) else None

        return list(read_keys(secrets, read))

    def _signature_items(self, request: Request) -> list[str]:
        [value] = HmacScheme._signature_items(self, request)  # noqa: SLF001 - one family
        found = _verification(value)
        if (found["signAlgorithm"], found["encoding"]) != ("RSA-SHA256", "base64"):
            raise SignatureError("malformed-signature", "another algorithm than RSA-SHA256")
        return [found["signature"]]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        nonce = _verification(request.headers.get(self.header.lower(), "{}"))["nonce"]
        event_id = request.headers.get((self.id_header or "").lower(), "").strip(" \t")
        if not _WORD.fullmatch(nonce) or (event_id and not _WORD.fullmatch(event_id)):
            raise SignatureError("malformed-header", "the event's id or the nonce is no plain word")
        signed = HmacScheme._contents(self, request, stamp)[0]  # noqa: SLF001 - one family
        return (signed + nonce.encode("utf-8", "backslashreplace"),)

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        how = (padding.PKCS1v15(), hashes.SHA256())
        return any(_holds(key.public, _der(one), content, *how) for one in candidates)

    def sign(
        self, request: Request, *, secret: str, now: float, delivery_id: str | None
    ) -> dict[str, str]:
        """See Scheme."""
        [(_, key)] = self._keys([secret])
        require_private(key)
        event_id = delivery_id or f"event-{int(now * 1000)}"
        nonce = f"{int(now * 1000):x}"
        content = event_id.encode() + request.body + nonce.encode()
        signature = key.private.sign(content, padding.PKCS1v15(), hashes.SHA256())
        header = {
            "nonce": nonce,
            "signAlgorithm": "RSA-SHA256",
            "signature": base64.b64encode(signature).decode(),
            "encoding": "base64",
        }
        return {self.id_header or "": event_id, self.header: json.dumps(header)}


#: An id or a nonce: UUID, hex, base64 or the like; nothing with which JSON begins or ends.
_WORD = re.compile(r"[A-Za-z0-9_.:+/=-]{1,255}")
CANNOT_SIGN = "a public key cannot sign; to try it out, configure a private key of your own"
_ECDSA_SHA256 = ec.ECDSA(hashes.SHA256())


def _verification(value: str) -> dict[str, str]:
    """The members of Ironclad's header; empty text for what is missing."""
    try:
        members = json_value(value)
    except SignatureError:
        raise SignatureError("malformed-signature", "the header is no JSON object") from None
    names = ("nonce", "signAlgorithm", "signature", "encoding")
    found = {name: text_at(members, name) or "" for name in names}
    if not all(found.values()):
        raise SignatureError("malformed-signature", "the header lacks a member")
    return found


def _sound(key: object) -> PublicKey:
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= SHORTEST_RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey):
        return key
    raise ValueError("another kind of key, or one that is too short")


def _der(candidate: str) -> bytes:
    """The bytes of a signature; like a digest it has one spelling only."""
    try:
        decoded = base64.b64decode(candidate, validate=True)
    except ValueError:
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != candidate:
        raise SignatureError("malformed-signature", "the signature is no base64")
    return decoded


def _holds(key: Any, signature: bytes, content: bytes, *how: object) -> bool:
    try:
        key.verify(signature, content, *how)
    except InvalidSignature:
        return False
    return True


def require_private(key: KeyPair) -> None:
    """SignatureError where the pair has no private key to sign with."""
    if key.private is None:
        raise SignatureError("malformed-secret", CANNOT_SIGN)
