"""Signed tokens whose claims name the request: Gong, Vonage, MessageBird, LiveKit, monday.

The algorithm is fixed by the scheme and the key is of its kind, so that neither `none` nor a
public key taken for an HMAC secret gets through (RFC 8725 2.1). Times are judged here, for the
clock is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jwt
from jwt.types import Options
from jwt.warnings import InsecureKeyLengthWarning

from receiver.signatures import codecs
from receiver.signatures.authorization import credentials
from receiver.signatures.custom.keys import KeyPair, read_key_pairs
from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import LONGEST_HEADER
from receiver.signatures.records import Request, Strength, Verified
from receiver.signatures.scheme import Scheme
from receiver.signatures.signing import Values

# How long a key is was the vendor's choice, and a warning for each delivery helps no one.
warnings.filterwarnings("ignore", category=InsecureKeyLengthWarning)

_LIFETIME_SECONDS = 300
#: The latest time that is one: the year 33658.
_LAST_SECONDS = 1e12
_OURS: Options = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_sub": False,
    "verify_jti": False,
}


def _sha256(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


#: What the templates of claims stand for.
_BINDING: Mapping[str, Callable[[Request], str]] = {
    "{url}": lambda request: request.url,
    "{url_sha256}": lambda request: _sha256(request.url.encode("utf-8", "backslashreplace")).hex(),
    "{body_sha256}": lambda request: _sha256(request.body).hex(),
    "{body_sha256_base64}": lambda request: base64.b64encode(_sha256(request.body)).decode(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtScheme(Scheme):
    """A token in `header`, signed with `algorithm`, whose claims must be those of the request.

    `own_claims` are the claims that bind a token to a request, each with the template of its value:
    one of _BINDING, or a text that is the same in every token.
    """

    algorithm: str
    header: str = "Authorization"
    needs_expiry: bool = True
    own_claims: tuple[tuple[str, str], ...]
    id_place: ClassVar[str | None] = None
    signs_delivery_id: ClassVar[bool] = False
    window_seconds: ClassVar[int | None] = None
    expires: ClassVar[bool] = True

    @property
    def credential_place(self) -> str:
        return self.header

    @property
    def is_timed(self) -> bool:
        return self.needs_expiry

    @property
    def ahead_seconds(self) -> int | None:
        return self.tolerance_seconds

    @property
    def strength(self) -> Strength:
        return Strength.STRONG if self.protects_body else Strength.BODY_OPEN

    @property
    def signed_parts(self) -> tuple[str, ...]:
        templates = "".join(template for _, template in self.own_claims)
        parts = {"URL": "{url" in templates, "body": "{body" in templates, "time": self.is_timed}
        return tuple(part for part, is_signed in parts.items() if is_signed)

    def formula(self) -> Formula:
        """See Scheme."""
        times = (("iat", "{timestamp}"), ("exp", "{expiry}"))
        return Formula(
            method="jwt",
            key="utf8" if self.algorithm.startswith("HS") else "pem",
            algorithm=self.algorithm,
            after=(Written("header", self.header, "{signature}"),),
            claims=(*self.own_claims, *times),
            time_unit="seconds",
        )

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """Raise SignatureError where the token was made for another request."""
        for name, expected in self.claims_for(request).items():
            given = str(claims.get(name)).encode("utf-8", "surrogatepass")
            if not hmac.compare_digest(expected.encode("utf-8", "surrogatepass"), given):
                template = dict(self.own_claims)[name]
                what = "body" if "body" in template else "URL" if "url" in template else "issuer"
                raise SignatureError("wrong-claims", f"the token is for another {what} ({name})")

    def claims_for(self, request: Request) -> dict[str, str]:
        """The claims with which the vendor binds a token to this request."""
        return {
            name: _BINDING[template](request) if template in _BINDING else template
            for name, template in self.own_claims
        }

    def verify(self, request: Request, *, secrets: Sequence[str], now: float) -> Verified:
        """See Scheme. The time is judged last, so that `stale` always means rightly signed."""
        keys = self._keys(secrets)
        index, claims = self._claims(keys, _token(request, self.header))
        self.check(claims, request)
        return Verified(
            secret_index=index,
            timestamp=self._judge_times(claims, now),
            delivery_id=None,
            delivery_id_signed=False,
            signed_sha256=hashlib.sha256(request.body).hexdigest(),
            coverage=self.coverage,
        )

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme."""
        [(_, key)] = self._keys([secret])
        now = int(values["timestamp"])
        claims = {**self.claims_for(request), "iat": now, "exp": now + _LIFETIME_SECONDS}
        private = key.signing_key if isinstance(key, KeyPair) else key
        return [jwt.encode(claims, private, algorithm=self.algorithm)]

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        """The keys of the algorithm's kind, each with its place."""
        if self.algorithm.startswith("HS"):
            return list(codecs.usable_keys(secrets, "utf8"))
        return list(read_key_pairs(secrets, "rsa"))

    def _claims(self, keys: Sequence[tuple[int, Any]], token: str) -> tuple[int, Mapping[str, Any]]:
        """The claims, and the place of the key that signed them."""
        fault = SignatureError("wrong-signature")
        for index, key in keys:
            public = key.public if isinstance(key, KeyPair) else key
            try:
                return index, jwt.decode(token, public, algorithms=[self.algorithm], options=_OURS)
            except jwt.InvalidSignatureError:
                continue
            except jwt.InvalidKeyError:
                fault = SignatureError("malformed-secret")
            except (jwt.PyJWTError, ValueError, TypeError, RecursionError):
                fault = SignatureError("malformed-signature", f"no token of {self.algorithm}")
        raise fault

    def _judge_times(self, claims: Mapping[str, Any], now: float) -> float | None:
        issued, expires = _seconds(claims, "iat"), _seconds(claims, "exp")
        starts = _seconds(claims, "nbf")
        if expires is None and self.needs_expiry:
            raise SignatureError("missing-timestamp", "the token never expires")
        if expires is not None and now >= expires:
            raise SignatureError("stale-timestamp")
        for start in (issued, starts):
            if start is not None and start - now > self.tolerance_seconds:
                raise SignatureError("future-timestamp")
        return issued


@dataclass(frozen=True, slots=True, kw_only=True)
class MondayScheme(JwtScheme):
    """monday: HS256 for the endpoint in `aud`; the body is not covered.

    https://developer.monday.com/apps/docs/authorization-header (2026-08).
    """

    own_claims: tuple[tuple[str, str], ...] = (("aud", "{url}"),)

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """See JwtScheme."""
        audience = claims.get("aud")
        if audience not in (request.url, request.url.partition("?")[0]):
            raise SignatureError("wrong-claims", "the token is for another URL (aud)")


def _token(request: Request, header: str) -> str:
    value = request.headers.get(header.lower(), "").strip(" \t")
    if not value:
        raise SignatureError("missing-signature", f"{header} is missing or empty")
    if len(value) > LONGEST_HEADER:
        raise SignatureError("malformed-signature", f"{header} is too long")
    kind, token = credentials(value)
    if not all(map(_is_canonical, token.split("."))) or kind not in ("", "bearer", "jwt"):
        raise SignatureError("malformed-signature", f"{header} holds no token")
    return token


def _is_canonical(part: str) -> bool:
    """Whether it is base64url in its one spelling: the library passes over what it cannot read."""
    try:
        decoded = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return False
    return base64.urlsafe_b64encode(decoded).decode().rstrip("=") == part


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not 0 <= value < _LAST_SECONDS
    ):
        raise SignatureError("malformed-timestamp", f"{name} is no time in seconds")
    return float(value)
