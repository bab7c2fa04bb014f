"""Signatures and times in unusual places: several headers, a query parameter, a body's member.

And headers whose items are known by their order alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from receiver.signatures.errors import SignatureError
from receiver.signatures.fields import document, one_of, query_fields, text_at
from receiver.signatures.formulas import Formula, Written
from receiver.signatures.hmac_scheme import LONGEST_HEADER, MOST_SIGNATURES, HmacScheme
from receiver.signatures.records import Request

DOCUSIGN_KEYS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedHeaders(HmacScheme):
    """DocuSign: one header for each active Connect key, `header` being all but the number.

    https://developers.docusign.com/platform/webhooks/connect/hmac/ (2026-08).
    """

    @property
    def credential_place(self) -> str:
        return f"{self.header}-1 … -{DOCUSIGN_KEYS}"

    def formula(self) -> Formula:
        """See Scheme."""
        signature = Written("header", f"{self.header}-1", f"{self.prefix}{{signature}}")
        return replace(HmacScheme.formula(self), after=(signature,))

    def _signature_items(self, request: Request) -> list[str]:
        names = [f"{self.header.lower()}-{number}" for number in range(1, DOCUSIGN_KEYS + 1)]
        found = [request.headers[name].strip(" \t") for name in names if name in request.headers]
        items = [item for item in found if 0 < len(item) <= LONGEST_HEADER]
        if not items:
            raise SignatureError("missing-signature", f"{self.header}-1 is missing or empty")
        return items


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySignature(HmacScheme):
    """PandaDoc: the signature is a query parameter, here `header`.

    https://developers.pandadoc.com/docs/webhook-verification (2026-08).
    """

    @property
    def credential_place(self) -> str:
        return f"URL: ?{self.header}="

    def formula(self) -> Formula:
        """See Scheme."""
        signature = Written("query", self.header, "{signature}")
        return replace(HmacScheme.formula(self), after=(signature,))

    def _signature_items(self, request: Request) -> list[str]:
        found = one_of(query_fields(request.url), self.header)
        if not found or len(found) > LONGEST_HEADER:
            raise SignatureError("missing-signature", f"the URL lacks {self.header}")
        return [found]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInBody(HmacScheme):
    """Linear, Plain: the time of signing is a member of the signed body, at `time_member`.

    https://linear.app/developers/webhooks#securing-webhooks (2026-08). The header
    Linear-Timestamp is not signed and never looked at.
    """

    time_member: str
    is_timed: ClassVar[bool] = True
    time_is_inside: ClassVar[bool] = True

    def formula(self) -> Formula:
        """See Scheme."""
        formula = HmacScheme.formula(self)
        stamp = Written("body", self.time_member, "{timestamp}")
        return replace(formula, before=(*formula.before, stamp))

    def _timestamp_text(self, request: Request, items: Sequence[str]) -> str | None:
        del items
        stamp = text_at(document(request), self.time_member)
        if not stamp:
            raise SignatureError("missing-timestamp")
        return stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class SeveralHeaders(HmacScheme):
    """Box, Wrike, Ramp: the signature stands in `header`, in one of `others`, or in both.

    Box signs with two keys while one is replaced; Wrike and Ramp have renamed their header. Any may
    match.
    """

    others: tuple[str, ...]

    @property
    def credential_place(self) -> str:
        return " or ".join((self.header, *self.others))

    def _signature_items(self, request: Request) -> list[str]:
        names = (self.header, *self.others)
        values = [request.headers.get(name.lower(), "").strip(" \t") for name in names]
        items = [value for value in values if 0 < len(value) <= LONGEST_HEADER]
        if not items:
            raise SignatureError(
                "missing-signature", f"{self.credential_place} is missing or empty"
            )
        return items


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderedItems(HmacScheme):
    """A header of `leading` words, the time, and the signatures of all active keys, in order.

    OpenPhone and Trengo: https://support.openphone.com/hc/en-us/articles/4690754298903-How-to-use-webhooks
    and https://developers.trengo.com/docs/verifiying-request (2026-11); Recurly and DocuSeal too.
    """

    separator: str | None = ";"
    leading: tuple[str, ...] = ()
    is_timed: ClassVar[bool] = True

    def formula(self) -> Formula:
        """See Scheme."""
        items = (*self.leading, "{timestamp}", "{signature}")
        written = Written("header", self.header, (self.separator or "").join(items))
        return replace(HmacScheme.formula(self), after=(written,))

    def _signature_items(self, request: Request) -> list[str]:
        items = HmacScheme._signature_items(self, request)  # noqa: SLF001 - one family of classes
        count = len(self.leading)
        if len(items) < count + 2 or tuple(items[:count]) != self.leading:
            raise SignatureError("malformed-signature", f"{self.header} is of another form")
        return items[count:]

    def _timestamp_text(self, request: Request, items: Sequence[str]) -> str | None:
        del request
        if not items[0]:
            raise SignatureError("missing-timestamp")
        return items[0]

    def _candidates(self, items: Sequence[str]) -> list[str]:
        return list(items[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class SpacedPairs(HmacScheme):
    """Persona: `t=TIME,v1=SIGNATURE`, and while a secret is replaced two of these, spaced.

    https://docs.withpersona.com/webhooks-best-practices (2026-11).
    """

    def _signature_items(self, request: Request) -> list[str]:
        items = HmacScheme._signature_items(self, request)  # noqa: SLF001 - one family of classes
        parts = (part for item in items for part in item.split(" "))
        return list(dict.fromkeys(parts))[: 2 * MOST_SIGNATURES]
