"""The generic scheme: an HMAC over a template, in a header, every detail a knob.

Owns how such a request is verified and signed. A vendor is data for this class (`presets`); only
what cannot be said with its knobs deserves a class of its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from receiver.signatures import codecs
from receiver.signatures.authorization import behind, prefixed
from receiver.signatures.content import URL_TRANSFORMS, SignedContent
from receiver.signatures.errors import SignatureError
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.records import Request, Strength, Verified
from receiver.signatures.scheme import Scheme
from receiver.signatures.signing import Values

#: A header with more signatures, or longer, is no honest header.
MOST_SIGNATURES = 32
LONGEST_HEADER = 8192


BODY = SignedContent.parse("{body}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacScheme(Scheme):
    """A vendor that signs by HMAC: with SHA-256, over the body, in hex, unless its record differs.

    `header` carries the signature behind `prefix`, in `encoding`; with a `separator` it carries
    several items, of which those with the prefix are signatures and any may match. The time of
    signing is in `timestamp_header`, or in the item `timestamp_element=…` of the signature
    header, in `timestamp_unit`. The delivery id in `id_header` counts as signed when
    `signed_content` names that header. `url_transform` is one of URL_TRANSFORMS.
    """

    header: str
    algorithm: str = "sha256"
    encoding: str = "hex"
    signed_content: SignedContent = BODY
    prefix: str = ""
    separator: str | None = None
    key_encoding: str = "utf8"
    timestamp_header: str | None = None
    timestamp_element: str | None = None
    timestamp_unit: str = "seconds"
    id_header: str | None = None
    url_transform: str | None = None
    #: Whether the time stands in signed bytes that are looked into only once verified.
    time_is_inside: ClassVar[bool] = False

    @property
    def signs_delivery_id(self) -> bool:
        return self.id_header is not None and self.signed_content.fixes(self.id_header)

    @property
    def credential_place(self) -> str:
        return self.header

    @property
    def credential_header(self) -> str | None:
        return self.header

    @property
    def signed_parts(self) -> tuple[str, ...]:
        parts = self.signed_content.parts(self.id_header)
        return (*parts, "time") if self.is_timed and "time" not in parts else parts

    @property
    def id_place(self) -> str | None:
        return self.id_header

    @property
    def ends_of_body(self) -> tuple[str, str]:
        digits = self.is_timed and self.timestamp_unit not in codecs.ISO_8601_UNITS
        return self.signed_content.ends_of_body(timed_by_digits=digits)

    @property
    def strength(self) -> Strength:
        if not self.protects_body:
            return Strength.BODY_OPEN
        return Strength.LEGACY if self.algorithm == "sha1" else Strength.STRONG

    @property
    def is_timed(self) -> bool:
        return self.timestamp_header is not None or self.timestamp_element is not None

    def formula(self) -> Formula:
        signature = prefixed(self.header, self.prefix, "{signature}")
        if self.timestamp_element:
            time = f"{self.timestamp_element}={{timestamp}}"
            signature = f"{time}{self.separator or ','}{signature}"
        before = ((self.id_header, "{id}"), (self.timestamp_header, "{timestamp}"))
        return Formula(
            method="hmac",
            key=self.key_encoding,
            algorithm=self.algorithm,
            content=self.signed_content.template(self.id_header),
            encoding=self.encoding,
            before=tuple(Written("header", name, text) for name, text in before if name),
            after=(Written("header", self.header, signature),),
            time_unit=self.timestamp_unit if self.is_timed else None,
            url_transform=self.url_transform,
        )

    def verify(self, request: Request, *, secrets: Sequence[str], now: float) -> Verified:
        """See Scheme. The time is judged last, so that `stale` always means rightly signed."""
        keys = self._keys(secrets)
        items = self._signature_items(request)
        stamp = None if self.time_is_inside else self._timestamp_text(request, items)
        timestamp = codecs.read_timestamp(stamp, self.timestamp_unit) if stamp else None
        contents = self._contents(request, stamp)
        secret_index, content = self._match(keys, self._candidates(items), contents)
        if self.time_is_inside:
            inside = self._timestamp_text(request, items) or ""
            timestamp = codecs.read_timestamp(inside, self.timestamp_unit)
        if timestamp is not None:
            self.check_window(timestamp, now)
        return Verified(
            secret_index=secret_index,
            timestamp=timestamp,
            delivery_id=self._delivery_id(request),
            delivery_id_signed=self.signs_delivery_id,
            signed_sha256=hashlib.sha256(content).hexdigest(),
            coverage=self.coverage,
            one_body=self.one_body,
        )

    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """See Scheme."""
        [(_, key)] = self._keys([secret])
        return [
            self._digest(key, content)
            for content in self._contents(request, values["timestamp"] or None)
        ]

    def _signature_items(self, request: Request) -> list[str]:
        value = request.headers.get(self.header.lower(), "").strip(" \t")
        if not value:
            raise SignatureError("missing-signature", f"{self.header} is missing or empty")
        if len(value) > LONGEST_HEADER:
            raise SignatureError("malformed-signature", f"{self.header} is too long")
        if self.separator is None:
            return [value]
        items = value.split(self.separator, MOST_SIGNATURES)
        if len(items) > MOST_SIGNATURES:
            raise SignatureError("malformed-signature", f"{self.header} has too many signatures")
        return [item.strip(" \t") for item in items]

    def _timestamp_text(self, request: Request, items: Sequence[str]) -> str | None:
        if not self.is_timed:
            return None
        if self.timestamp_header is not None:
            found = [request.headers.get(self.timestamp_header.lower(), "").strip(" \t")]
        else:
            start = f"{self.timestamp_element}="
            found = [item.removeprefix(start) for item in items if item.startswith(start)]
        if not any(found):
            raise SignatureError("missing-timestamp")
        if len(found) > 1:
            raise SignatureError("malformed-timestamp", "the time of signing is given twice")
        return found[0]

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        """What may have been signed: one content, several where the vendor itself is unsure."""
        url = request.url
        if self.url_transform is not None:
            url = URL_TRANSFORMS[self.url_transform](url)
        return (self.signed_content.render(request, url=url, timestamp=stamp),)

    def _keys(self, secrets: Sequence[str]) -> list[tuple[int, Any]]:
        """The usable keys with their places; bytes here, a subclass may take others."""
        return list(codecs.usable_keys(secrets, self.key_encoding))

    def _digest(self, key: Any, content: bytes) -> str:
        return codecs.ENCODINGS[self.encoding](hmac.digest(key, content, self.algorithm))

    def _candidates(self, items: Sequence[str]) -> list[str]:
        found = [behind(self.header, self.prefix, item) for item in items]
        candidates = [candidate for candidate in found if candidate is not None]
        if not candidates:
            raise SignatureError("malformed-signature", f"{self.header} holds no {self.prefix}…")
        return candidates

    def _match(
        self,
        keys: Sequence[tuple[int, Any]],
        candidates: Sequence[str],
        contents: Sequence[bytes],
    ) -> tuple[int, bytes]:
        """Try every key on every signature: the time it takes shows nothing of which matched."""
        matched = [
            (index, content)
            for content in contents
            for index, key in keys
            if self._signed_by(key, content, candidates)
        ]
        if not matched:
            raise SignatureError("wrong-signature")
        return matched[0]

    def _signed_by(self, key: Any, content: bytes, candidates: Sequence[str]) -> bool:
        expected = codecs.comparable(self._digest(key, content), self.encoding)
        given = [codecs.comparable(candidate, self.encoding) for candidate in candidates]
        return sum(hmac.compare_digest(expected, candidate) for candidate in given) > 0

    def _delivery_id(self, request: Request) -> str | None:
        if self.id_header is None:
            return None
        return request.headers.get(self.id_header.lower(), "").strip(" \t") or None
