"""A shared token or password: weaker, since every request shows it and none is signed.

For vendors that sign nothing, and for tools whose calls an operator writes. Compared in constant
time; refused when the secret is empty. Anybody who sees one request can make others: use HTTPS.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from receiver.signatures import codecs
from receiver.signatures.authorization import behind, prefixed
from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.records import Coverage, Request, Strength, Verified
from receiver.signatures.scheme import Scheme
from receiver.signatures.signing import Values
from receiver.signatures.url_secrets import shown_in

#: Where a vendor signs nothing, and its calls may carry headers of the operator's own.
ADDED_HEADER = "X-Webhook-Token"
#: A part of a URL that can be guessed is none.
SHORTEST_PATH_TOKEN = 16
#: No honest token is longer.
LONGEST_TOKEN = 8192
#: A token may be percent-encoded, twice, and stand behind a path.
LONGEST_URL = 4 * LONGEST_TOKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedSecret(Scheme):
    """A vendor that shows a secret; what is compared is up to the subclass.

    The body is all there is to know a delivery by, together with the id in `id_header`.
    """

    id_header: str | None = None
    coverage: Coverage = Coverage.NOTHING
    signs_delivery_id: ClassVar[bool] = False
    is_timed: ClassVar[bool] = False
    signed_parts: ClassVar[tuple[str, ...]] = ()
    strength: ClassVar[Strength] = Strength.SHARED

    @property
    def id_place(self) -> str | None:
        return self.id_header

    @abstractmethod
    def shown(self, request: Request) -> list[bytes]:
        """What the request shows, each of which must be the secret; SignatureError if nothing."""

    def is_shown(self, key: bytes, shown: Sequence[bytes]) -> bool:
        """Whether all that the request shows is the secret; compared in constant time."""
        expected = self.expected(key)
        return sum(not hmac.compare_digest(expected, one) for one in shown) == 0

    def expected(self, secret: bytes) -> bytes:
        """The secret in the form in which a request shows it."""
        return secret

    def keys(self, secrets: Sequence[str]) -> list[tuple[int, bytes]]:
        """The secrets that can be compared with, each with its place."""
        return codecs.usable_keys(secrets, "utf8")

    def formula(self) -> Formula:
        sent_id = (Written("header", self.id_header, "{id}"),) if self.id_header else ()
        return Formula(method="none", before=sent_id, after=(self.shows_secret,))

    def sign(
        self, request: Request, *, secret: str, now: float, delivery_id: str | None
    ) -> Request:
        """See Scheme; an id is sent only where one is given, for it is signed by nothing."""
        scheme = self if delivery_id else replace(self, id_header=None)
        return Scheme.sign(scheme, request, secret=secret, now=now, delivery_id=delivery_id)

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme; nothing is signed, and the secret is one that can be shown."""
        del request, values
        self.keys([secret])
        return []

    @property
    @abstractmethod
    def shows_secret(self) -> Written:
        """Where the secret is written."""

    def verify(self, request: Request, *, secrets: Sequence[str], now: float) -> Verified:
        """See Scheme."""
        del now
        keys = self.keys(secrets)
        shown = self.shown(request)
        matched = [index for index, key in keys if self.is_shown(key, shown)]
        if not shown or not matched:
            raise SignatureError("wrong-token")
        return Verified(
            secret_index=matched[0],
            timestamp=None,
            delivery_id=self._delivery_id(request),
            delivery_id_signed=False,
            signed_sha256=hashlib.sha256(request.body).hexdigest(),
            coverage=self.coverage,
        )

    def _delivery_id(self, request: Request) -> str | None:
        if self.id_header is None:
            return None
        return request.headers.get(self.id_header.lower(), "").strip(" \t") or None


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScheme(SharedSecret):
    """A token in a header, behind `prefix`. The header is never kept."""

    header: str = ADDED_HEADER
    prefix: str = ""

    def __post_init__(self) -> None:
        hidden = self.secret_headers | {self.header.lower()}
        object.__setattr__(self, "secret_headers", hidden)

    @property
    def credential_place(self) -> str:
        return self.header

    @property
    def credential_header(self) -> str | None:
        return self.header

    @property
    def shows_secret(self) -> Written:
        return Written("header", self.header, prefixed(self.header, self.prefix, "{secret}"))

    def shown(self, request: Request) -> list[bytes]:
        """See SharedSecret."""
        return [header_token(request, self.header, self.prefix)]


@dataclass(frozen=True, slots=True, kw_only=True)
class BasicScheme(SharedSecret):
    """HTTP Basic (RFC 7617); the secret is `user:password`, the password may hold colons."""

    credential_place: ClassVar[str] = "Authorization"
    credential_header: ClassVar[str | None] = "Authorization"
    shows_secret: ClassVar[Written] = Written("header", "Authorization", "Basic {secret_base64}")

    def keys(self, secrets: Sequence[str]) -> list[tuple[int, bytes]]:
        """See SharedSecret; a secret without a colon is none."""
        keys = [pair for pair in SharedSecret.keys(self, secrets) if b":" in pair[1]]
        if not keys:
            raise SignatureError("malformed-secret", "write the secret as user:password")
        return keys

    def expected(self, secret: bytes) -> bytes:
        """See SharedSecret."""
        return base64.b64encode(secret)

    def shown(self, request: Request) -> list[bytes]:
        """See SharedSecret."""
        return [header_token(request, "Authorization", "Basic ")]


@dataclass(frozen=True, slots=True, kw_only=True)
class PathTokenScheme(SharedSecret):
    """An unguessable last part of the path behind the source's name, or a query parameter."""

    parameter: str = "token"
    takes_path: ClassVar[bool] = True

    @property
    def credential_place(self) -> str:
        return f"URL: last part of the path, or ?{self.parameter}="

    @property
    def shows_secret(self) -> Written:
        return Written("query", self.parameter, "{secret}")

    def keys(self, secrets: Sequence[str]) -> list[tuple[int, bytes]]:
        """See SharedSecret; a short secret is refused, for URLs are tried out."""
        keys = [
            pair for pair in SharedSecret.keys(self, secrets) if len(pair[1]) >= SHORTEST_PATH_TOKEN
        ]
        if not keys:
            detail = f"a secret in a URL needs {SHORTEST_PATH_TOKEN} characters or more"
            raise SignatureError("malformed-secret", detail)
        return keys

    def shown(self, request: Request) -> list[bytes]:
        """See SharedSecret; here the spellings that it may have in a URL."""
        is_too_long = len(request.url) > LONGEST_URL
        found = [] if is_too_long else shown_in(request.url, self.parameter)
        if not found:
            raise SignatureError("missing-token")
        return found

    def is_shown(self, key: bytes, shown: Sequence[bytes]) -> bool:
        """Whether one of the spellings is the secret; compared in constant time."""
        return sum(hmac.compare_digest(key, one) for one in shown) > 0


def header_token(request: Request, header: str, prefix: str) -> bytes:
    """The header's value behind the prefix."""
    value = request.headers.get(header.lower(), "").strip(" \t")
    token = behind(header, prefix, value)
    if not token:
        raise SignatureError("missing-token", f"{header} is missing or not of the named form")
    try:
        return token[:LONGEST_TOKEN].encode("latin-1")
    except UnicodeEncodeError:
        raise SignatureError("malformed-header", f"{header} is not Latin-1 text") from None
