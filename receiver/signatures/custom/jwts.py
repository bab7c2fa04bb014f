"""Signed tokens in the Authorization header: monday and Gong; Jira Connect has a module of its own.

The algorithm is fixed by the scheme and the key is of its kind, so that neither `none` nor a
public key taken for an HMAC secret gets through (RFC 8725 2.1). Times are judged here, for the
clock is an argument.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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


@dataclass(frozen=True, slots=True, kw_only=True)
class JwtScheme(Scheme):
    """A token in `header`, signed with `algorithm`; what its claims must say is the subclass's."""

    algorithm: str
    header: str = "Authorization"
    needs_expiry: bool = True

    @property
    def credential_place(self) -> str:
        return self.header

    @property
    def id_place(self) -> str | None:
        return None

    @property
    def signs_delivery_id(self) -> bool:
        return False

    @property
    def is_timed(self) -> bool:
        return self.needs_expiry

    @property
    def window_seconds(self) -> int | None:
        return None

    @property
    def ahead_seconds(self) -> int | None:
        return self.tolerance_seconds

    @property
    def expires(self) -> bool:
        return True

    @property
    def strength(self) -> Strength:
        return Strength.STRONG if self.protects_body else Strength.BODY_OPEN

    @property
    @abstractmethod
    def own_claims(self) -> tuple[tuple[str, str], ...]:
        """The claims that bind a token to a request, as templates of a formula."""

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

    @abstractmethod
    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """Raise SignatureError where the token was made for another request."""

    @abstractmethod
    def claims_for(self, request: Request) -> dict[str, Any]:
        """The claims with which the vendor binds a token to this request."""

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
        return [jwt.encode(claims, _private(key), algorithm=self.algorithm)]

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        """The keys of the algorithm's kind, each with its place."""
        return list(codecs.usable_keys(secrets, "utf8"))

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

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return ("URL", "time")

    @property
    def own_claims(self) -> tuple[tuple[str, str], ...]:
        return (("aud", "{url}"),)

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """See JwtScheme."""
        audience = claims.get("aud")
        if audience not in (request.url, request.url.partition("?")[0]):
            raise SignatureError("wrong-claims", "the token is for another URL (aud)")

    def claims_for(self, request: Request) -> dict[str, Any]:
        """See JwtScheme."""
        return {"aud": request.url}


@dataclass(frozen=True, slots=True, kw_only=True)
class GongScheme(JwtScheme):
    """Gong: RS256 with the URL and the body's SHA-256 as claims.

    https://help.gong.io/docs/create-a-webhook-rule (2026-08, second-hand).
    """

    @property
    def signed_parts(self) -> tuple[str, ...]:
        return ("URL", "body")

    @property
    def own_claims(self) -> tuple[tuple[str, str], ...]:
        return (("webhook_url", "{url}"), ("body_sha256", "{body_sha256}"))

    def check(self, claims: Mapping[str, Any], request: Request) -> None:
        """See JwtScheme."""
        if claims.get("webhook_url") != request.url:
            raise SignatureError("wrong-claims", "the token is for another URL (webhook_url)")
        digest = hashlib.sha256(request.body).hexdigest()
        named = str(claims.get("body_sha256")).encode("utf-8", "backslashreplace")
        if not hmac.compare_digest(digest.encode(), named):
            raise SignatureError("wrong-claims", "the token is for another body (body_sha256)")

    def claims_for(self, request: Request) -> dict[str, Any]:
        """See JwtScheme."""
        digest = hashlib.sha256(request.body).hexdigest()
        return {"webhook_url": request.url, "body_sha256": digest}

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        return list(read_key_pairs(secrets, "rsa"))


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


def _private(key: Any) -> Any:
    return key.signing_key if isinstance(key, KeyPair) else key


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
