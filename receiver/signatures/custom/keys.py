"""Signatures by private keys: ECDSA, RSA and Ed25519 under a signature header, and Ironclad.

The secret of such a source is the vendor's public key. A private key in its place stands for its
public half, so that a test or `receiver send` can sign as the vendor would.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from receiver.signatures.borders import PLAIN
from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import json_value, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Request, Strength
from receiver.signatures.signing import Values

PublicKey = ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
#: RSA is PKCS #1 v1.5, ECDSA is on P-256, both with SHA-256.
Algorithm = Literal["rsa", "ecdsa", "ed25519"]

#: RSA keys below this are broken (NIST SP 800-131A).
SHORTEST_RSA_BITS = 2048
_ED25519_BYTES = 32
_P256 = "secp256r1"
#: What `sign` and `verify` of a key take beside the content.
_PARAMETERS: dict[Algorithm, tuple[Any, ...]] = {
    "rsa": (padding.PKCS1v15(), hashes.SHA256()),
    "ecdsa": (ec.ECDSA(hashes.SHA256()),),
    "ed25519": (),
}
#: An id or a nonce: UUID, hex, base64 or the like; nothing with which JSON begins or ends.
_WORD = re.compile(r"[A-Za-z0-9_.:+/=-]{1,255}")
_CANNOT_SIGN = "a public key cannot sign; to try it out, configure a private key of your own"


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key, with its private half where that is what was configured."""

    public: PublicKey
    private: PrivateKey | None

    @property
    def signing_key(self) -> PrivateKey:
        """The private half; raises SignatureError where there is none."""
        if self.private is None:
            raise SignatureError("malformed-secret", _CANNOT_SIGN)
        return self.private


def read_key_pair(secret: str, algorithm: Algorithm) -> KeyPair:
    """The key in PEM, in base64 of its DER (SubjectPublicKeyInfo) or of the 32 bytes of Ed25519.

    Raises ValueError where there is none, or one of another algorithm.
    """
    text = secret.strip()
    private = None
    try:
        if "PRIVATE KEY-----" in text:
            private = serialization.load_pem_private_key(text.encode(), password=None)
            public = private.public_key()
        elif text.startswith("-----BEGIN"):
            public = serialization.load_pem_public_key(text.encode())
        else:
            public = _from_bytes(base64.b64decode(text, validate=True))
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    if not _fits(public, algorithm):
        raise ValueError("another kind of key, or one that is too short")
    return KeyPair(public, private)  # type: ignore[arg-type]  # the algorithm's, as just checked


def _from_bytes(raw: bytes) -> Any:
    if len(raw) == _ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return serialization.load_der_public_key(raw)


def _fits(key: object, algorithm: Algorithm) -> bool:
    if algorithm == "rsa":
        return isinstance(key, rsa.RSAPublicKey) and key.key_size >= SHORTEST_RSA_BITS
    if algorithm == "ecdsa":
        return isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name == _P256
    return isinstance(key, ed25519.Ed25519PublicKey)


def read_key_pairs(secrets: Sequence[str], algorithm: Algorithm) -> list[tuple[int, KeyPair]]:
    """The key pairs among the secrets, with their places; raises SignatureError without any."""
    given = [(index, secret) for index, secret in enumerate(secrets) if secret.strip()]
    if not given:
        raise SignatureError("no-secret")
    pairs: list[tuple[int, KeyPair]] = []
    for index, secret in given:
        try:
            pairs.append((index, read_key_pair(secret, algorithm)))
        except ValueError:
            continue
    if not pairs:
        raise SignatureError("malformed-secret", "no secret holds a key of the right kind")
    return pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeyScheme(HmacScheme):
    """A signature by a private key over the signed content, in base64."""

    key_algorithm: Algorithm
    strength: ClassVar[Strength] = Strength.STRONG

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(HmacScheme.formula(self), method=self.key_algorithm, key="pem")

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        return list(read_key_pairs(secrets, self.key_algorithm))

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        return any(self._holds(key.public, _decoded(one), content) for one in candidates)

    def _holds(self, key: Any, signature: bytes, content: bytes) -> bool:
        try:
            key.verify(signature, content, *_PARAMETERS[self.key_algorithm])
        except InvalidSignature:
            return False
        return True

    def _digest(self, key: Any, content: bytes) -> str:
        signature = key.signing_key.sign(content, *_PARAMETERS[self.key_algorithm])
        return base64.b64encode(signature).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class IroncladScheme(PublicKeyScheme):
    """Ironclad: RSA (PKCS#1 v1.5) with SHA-256 over event id, body and a nonce of the header.

    https://developer.ironcladapp.com/reference/webhook-verification (2026-08); the order of what
    is signed is second-hand. The header's own word for the algorithm is held against one name.
    Nothing stands between the three, so id and nonce must be plain words: otherwise a part of
    the body could be passed off as theirs, and an object inside it as the body.
    """

    signed_parts: ClassVar[tuple[str, ...]] = ("id", "body", "nonce")
    ends_of_body: ClassVar[tuple[str, str]] = PLAIN, PLAIN
    signs_delivery_id: ClassVar[bool] = True

    def formula(self) -> Formula:
        """See Scheme."""
        members = (
            *(("nonce", "{nonce}"), ("signAlgorithm", "RSA-SHA256")),
            *(("signature", "{signature}"), ("encoding", "base64")),
        )
        header = json.dumps(dict(members))
        return replace(
            PublicKeyScheme.formula(self),
            content="{id}{body}{nonce}",
            after=(Written("header", self.header, header),),
        )

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme; the nonce stands in the very header that holds the signature."""
        [(_, key)] = self._keys([secret])
        content = values["id"].encode() + request.body + values["nonce"].encode()
        return [self._digest(key, content)]

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


def _decoded(candidate: str) -> bytes:
    """The bytes of a signature; like a digest it has one spelling only."""
    try:
        decoded = base64.b64decode(candidate, validate=True)
    except ValueError:
        decoded = b""
    if not decoded or base64.b64encode(decoded).decode() != candidate:
        raise SignatureError("malformed-signature", "the signature is no base64")
    return decoded
