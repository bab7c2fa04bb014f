"""Twilio and Mailchimp Transactional: the URL and the sorted, decoded form fields are signed."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import ClassVar
from urllib.parse import urlsplit

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import form_fields, one_of, query_fields
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import HmacScheme
from receiver.signatures.records import Coverage, Request

_DEFAULT_PORTS = {"http": 80, "https": 443}
BODY_HASH = "bodySHA256"
_SETTINGS_HEADER = "X-Twilio-Webhooks-Signature-Settings"
_SETTINGS = "key=webhooks_sharedkey,algorithm={}"


@dataclass(frozen=True, slots=True, kw_only=True)
class FormScheme(HmacScheme):
    """URL, then name and value of each field, sorted by name.

    https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/
    (2026-08). Nothing stands between names and values, so where one ends is not signed.
    """

    coverage: Coverage = Coverage.FIELDS
    signed_parts: ClassVar[tuple[str, ...]] = ("URL", "form fields")

    def formula(self) -> Formula:
        return replace(HmacScheme.formula(self), content="{url}{fields}")

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        self._ensure_no_field_in(request.url)
        fields = "".join(name + value for name, value in sorted(set(form_fields(request.body))))
        return _encoded(url + fields for url in self._urls(request.url))

    def _urls(self, url: str) -> tuple[str, ...]:
        return (url,)

    def _ensure_no_field_in(self, url: str) -> None:
        """A field that was moved into the query stands there with its value, without `=`."""
        query = url.partition("?")[2]
        for found in self.form.distinctive.finditer(query) if self.form and query else ():
            if not query[found.end(1) :].startswith("="):
                raise SignatureError("malformed-url", f"its query holds the field {found[1]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioForm(FormScheme):
    """As above; signed with or without the default port, and repeated values count once.

    https://www.twilio.com/docs/usage/security and request_validator.py of twilio 9.13 (2026-08).
    `settings` is what the algorithm header must name for the newer shared keys.
    """

    settings: str | None = None

    def formula(self) -> Formula:
        """See Scheme."""
        formula = FormScheme.formula(self)
        if self.settings is None:
            return formula
        written = Written("header", _SETTINGS_HEADER, _SETTINGS.format(self.settings))
        return replace(formula, before=(*formula.before, written))

    def _urls(self, url: str) -> tuple[str, ...]:
        return url_with_and_without_port(url)

    def _signature_items(self, request: Request) -> list[str]:
        named = request.headers.get("x-twilio-webhooks-signature-settings", "")
        parts = (part.partition("=") for part in named.split(","))
        algorithms = [value.strip() for name, _, value in parts if name.strip() == "algorithm"]
        if algorithms != ([self.settings] if self.settings else []):
            detail = f"the header names another algorithm than {self.settings or 'the usual one'}"
            raise SignatureError("malformed-signature", detail)
        return HmacScheme._signature_items(self, request)  # noqa: SLF001 - one family of classes


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioJson(HmacScheme):
    """The URL alone is signed, and holds the body's SHA-256 as a query parameter.

    request_validator.py of twilio 9.13 (2026-08).
    """

    signed_parts: ClassVar[tuple[str, ...]] = ("URL", "body")

    def formula(self) -> Formula:
        """See Scheme."""
        hashed = Written("query", BODY_HASH, "{body_sha256}")
        return replace(HmacScheme.formula(self), before=(hashed,))

    def _contents(self, request: Request, stamp: str | None) -> tuple[bytes, ...]:
        del stamp
        named = one_of(query_fields(request.url), BODY_HASH)
        if named is None:
            raise SignatureError("missing-signature", f"the URL lacks {BODY_HASH}")
        given = named.encode("utf-8", "backslashreplace")
        if not hmac.compare_digest(hashlib.sha256(request.body).hexdigest().encode(), given):
            raise SignatureError("wrong-signature", f"{BODY_HASH} is that of another body")
        return _encoded(url_with_and_without_port(request.url))


def url_with_and_without_port(url: str) -> tuple[str, ...]:
    """The URL as it is, without its port, and with the default one: Twilio signs either."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise SignatureError("malformed-url") from None
    host = parts.netloc.removesuffix(f":{port}")
    if not parts.netloc:
        return (url,)
    if port is None:
        port = _DEFAULT_PORTS.get(parts.scheme, 443)
    variants = (url, *(url.replace(parts.netloc, one, 1) for one in (host, f"{host}:{port}")))
    return tuple(dict.fromkeys(variants))


def _encoded(texts: Iterable[str]) -> tuple[bytes, ...]:
    try:
        return tuple(text.encode() for text in texts)
    except UnicodeEncodeError:
        raise SignatureError("malformed-body", "the form is not Unicode text") from None
