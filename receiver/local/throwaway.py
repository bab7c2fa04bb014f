"""Throw-away secrets, so that a source can be tried before its vendor is set up.

Owns making them: once, random, in files of their owner only, in the form that the scheme takes.
`receiver up` alone makes them; `serve` and `work` never do.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from receiver.signatures import Scheme
from receiver.signatures.secret_forms import form_problem

SECRET_BYTES = 32
RSA_BITS, RSA_EXPONENT = 2048, 65537


def make_missing(schemes: Mapping[str, Scheme | None], folder: Path) -> dict[str, str]:
    """The throw-away value of each name; made now, for its scheme, where `folder` has none yet.

    Names for whose scheme no secret can be made are left out.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    values = {name: _read_or_make(folder / name, scheme) for name, scheme in schemes.items()}
    return {name: value for name, value in values.items() if value is not None}


def new_secret(scheme: Scheme | None = None) -> str | None:
    """A secret in the form that the scheme takes; None where no form fits.

    That of Standard Webhooks serves all schemes that take plain text. A scheme with a public key
    gets a private key, which stands for its public half and can sign.
    """
    takes_key = scheme is not None and scheme.formula().key == "pem"
    candidates: Iterable[str] = (make() for make in (_KEYS if takes_key else _TEXTS))
    return next(
        (one for one in candidates if scheme is None or not form_problem(scheme, one)), None
    )


def _base64() -> str:
    return base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def _pem(
    key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey,
) -> str:
    text = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return text.decode().strip()


_TEXTS: tuple[Callable[[], str], ...] = (
    lambda: f"whsec_{_base64()}",
    lambda: secrets.token_hex(SECRET_BYTES),
    _base64,
    lambda: f"throw-away:{secrets.token_hex(SECRET_BYTES)}",  # USER:PASSWORD
)
_KEYS: tuple[Callable[[], str], ...] = (
    lambda: _pem(ed25519.Ed25519PrivateKey.generate()),
    lambda: _pem(ec.generate_private_key(ec.SECP256R1())),
    lambda: _pem(rsa.generate_private_key(RSA_EXPONENT, RSA_BITS)),
)


def _read_or_make(path: Path, scheme: Scheme | None) -> str | None:
    if not path.exists():
        secret = new_secret(scheme)
        if secret is None:
            return None
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(f"{secret}\n")
    return path.read_text("utf-8").strip()
