"""Public keys under a plain signature header: RSA (Freshchat, HighLevel) and Ed25519 (Telnyx).

The secret of such a source is the vendor's public key; a private key in its place stands for its
public half, so that a test or `receiver send` can sign as the vendor would (see `keys`).
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from receiver.signatures.custom.keys import (
    CANNOT_SIGN,
    KeyPair,
    read_key_pair,
    read_keys,
    require_private,
)
from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Strength

_RAW_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class RsaScheme(HmacScheme):
    """RSA (PKCS#1 v1.5) with SHA-256 over the signed content, in base64."""

    @property
    def strength(self) -> Strength:
        return Strength.STRONG

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(HmacScheme.formula(self), method="rsa", key="pem")

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        def read(secret: str) -> KeyPair | None:
            pair = read_key_pair(secret)
            return pair if isinstance(pair.public, rsa.RSAPublicKey) else None

        return list(read_keys(secrets, read))

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        how = (padding.PKCS1v15(), hashes.SHA256())
        return any(_holds(key.public, decoded(one), content, *how) for one in candidates)

    def _digest(self, key: Any, content: bytes) -> str:
        require_private(key)
        signature = key.private.sign(content, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ed25519Scheme(HmacScheme):
    """Ed25519 over the signed content, in base64; the key in PEM or base64 of its 32 bytes."""

    @property
    def strength(self) -> Strength:
        return Strength.STRONG

    def formula(self) -> Formula:
        """See Scheme."""
        return replace(HmacScheme.formula(self), method="ed25519", key="pem")

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        return list(read_keys(secrets, _ed25519_key))

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        public = key.public_key() if isinstance(key, Ed25519PrivateKey) else key
        return any(_holds(public, decoded(one), content) for one in candidates)

    def _digest(self, key: Any, content: bytes) -> str:
        if not isinstance(key, Ed25519PrivateKey):
            raise SignatureError("malformed-secret", CANNOT_SIGN)
        return base64.b64encode(key.sign(content)).decode()


def decoded(candidate: str) -> bytes:
    """The bytes of a signature in base64; like a digest it has one spelling only."""
    try:
        found = base64.b64decode(candidate, validate=True)
    except ValueError:
        found = b""
    if not found or base64.b64encode(found).decode() != candidate:
        raise SignatureError("malformed-signature", "the signature is no base64")
    return found


def _ed25519_key(secret: str) -> Ed25519PublicKey | Ed25519PrivateKey | None:
    """The key, None where it is one of another kind; ValueError where it is none."""
    text = secret.strip()
    try:
        if "PRIVATE KEY-----" in text:
            private = serialization.load_pem_private_key(text.encode(), password=None)
            return private if isinstance(private, Ed25519PrivateKey) else None
        if text.startswith("-----BEGIN"):
            public = serialization.load_pem_public_key(text.encode())
        else:
            raw = base64.b64decode(text, validate=True)
            if len(raw) == _RAW_BYTES:
                return Ed25519PublicKey.from_public_bytes(raw)
            public = serialization.load_der_public_key(raw)
    except (TypeError, UnsupportedAlgorithm) as error:
        raise ValueError(str(error)) from error
    return public if isinstance(public, Ed25519PublicKey) else None


def _holds(key: Any, signature: bytes, content: bytes, *how: object) -> bool:
    try:
        key.verify(signature, content, *how)
    except InvalidSignature:
        return False
    return True
