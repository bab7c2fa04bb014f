"""What every scheme is: a way to verify a request, and the answers a vendor expects.

Owns the interface that the receiver and the tools see. Refuses sockets, clocks and databases:
time is an argument, bytes come in as they were sent.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from mappings.engine.payload import BodyRules, Format, FormNames
from receiver.signatures.formulas import Formula
from receiver.signatures.handshakes import Echo, Handshake
from receiver.signatures.records import GREETING, Coverage, Request, Response, Strength, Verified
from receiver.signatures.signing import Values, values_of, write
from receiver.signatures.tolerance import Tolerance


@dataclass(frozen=True, slots=True, kw_only=True)
class Scheme(Tolerance):
    """How one kind of source signs, and what it must be answered.

    `success` None means the receiver's own JSON answer. `greeting` answers GET and HEAD, by
    which vendors and people test a URL. `secret_headers` (lower case) carry a secret itself and
    are never kept, nor is what `secret_members` name in the body (as paths of `redact`).

    `failure` answers what is not verified where a vendor insists on its form. `echo` makes every
    success repeat something of the request. `handshakes` are the set-up requests that are
    answered and not stored. `vendor` and `remarks` are words for people. `coverage` is what of
    the body the signature fixes.

    `formats` are those that the vendor sends, in `charset` where they are not UTF-8. Empty: any,
    as the first bytes show. None: as the content type states, which no scheme signs. `form` has the
    names of a form's fields where their borders are not signed.
    """

    name: str
    vendor: str = ""
    remarks: str = ""
    success: Response | None = None
    failure: Response | None = None
    echo: Echo | None = None
    handshakes: tuple[Handshake, ...] = ()
    coverage: Coverage = Coverage.BODY
    formats: tuple[Format, ...] | None = (Format.JSON,)
    charset: str = "utf-8"
    form: FormNames | None = None
    greeting: Response = GREETING
    secret_headers: frozenset[str] = frozenset()
    secret_members: tuple[str, ...] = ()
    #: Whether the path may go on behind the source's name.
    takes_path: ClassVar[bool] = False
    #: Whether the vendor itself signs until when a request passes.
    expires: ClassVar[bool] = False

    @property
    def protects_body(self) -> bool:
        """Whether a verified request holds nothing that its sender never wrote."""
        return self.coverage in (Coverage.BODY, Coverage.FIELDS)

    @property
    def body_rules(self) -> BodyRules:
        """How its bodies are read."""
        first, last = self.ends_of_body
        return BodyRules(
            formats=self.formats or (),
            by_content_type=self.formats is None,
            charset=self.charset,
            not_first=first,
            not_last=last,
            form=self.form,
        )

    @property
    def ends_of_body(self) -> tuple[str, str]:
        """The characters with which a body may not begin, and those with which it may not end."""
        return "", ""

    @property
    def one_body(self) -> bool:
        """Whether the same id or signed content with another body is no repeat: see Verified."""
        return self.signs_delivery_id

    @property
    @abstractmethod
    def signs_delivery_id(self) -> bool:
        """Whether every verified request carries a delivery id that the signature covers."""

    @property
    @abstractmethod
    def credential_place(self) -> str:
        """Where the signature or token stands, in words: a header's name, or `body token`."""

    @property
    def credential_header(self) -> str | None:
        """The header that carries it; None where it stands elsewhere."""
        return None

    @property
    @abstractmethod
    def signed_parts(self) -> tuple[str, ...]:
        """What the signature covers, in words: `body`, `time`, `URL`; empty for a bare token."""

    @property
    @abstractmethod
    def id_place(self) -> str | None:
        """Where the vendor's delivery id stands; None where there is none."""

    @property
    @abstractmethod
    def strength(self) -> Strength:
        """What a verification is worth."""

    @abstractmethod
    def formula(self) -> Formula:
        """How a request is signed, step by step."""

    @abstractmethod
    def verify(self, request: Request, *, secrets: Sequence[str], now: float) -> Verified:
        """Verify that one of `secrets` signed it, or raise SignatureError and nothing else."""

    @abstractmethod
    def signatures(self, request: Request, *, secret: str, values: Values) -> list[str]:
        """The signatures of a request that is complete but for them, one for each place.

        Raises SignatureError where the secret cannot sign. `values` are those of `signing`.
        """

    def sign(
        self, request: Request, *, secret: str, now: float, delivery_id: str | None
    ) -> Request:
        """The request as the vendor would send it, as `formula` describes; SignatureError."""
        formula = self.formula()
        values = values_of(formula, request, secret=secret, now=now, delivery_id=delivery_id)
        for place in formula.before:
            request = write(place, request, values)
        signatures = self.signatures(request, secret=secret, values=values)
        for place in formula.after:
            request = write(place, request, values, signatures)
        return request

    def headers_of(self, signed: Request) -> dict[str, str]:
        """The headers of a signed request that `sign` wrote, named as the vendor does."""
        names = [one.name for one in self.formula().written if one.place == "header"]
        return {
            name: signed.headers[name.lower()] for name in names if name.lower() in signed.headers
        }

    def acknowledgement(self, request: Request) -> Response | None:
        """What is answered once the delivery is stored; None means the receiver's own words."""
        return self.echo.reply(request, "") if self.echo else self.success
