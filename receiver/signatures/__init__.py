"""Who sent a request: verifying its signature, and signing as a vendor would.

Pure: no socket, clock or database; time is an argument, bodies are bytes that are never decoded.
What is not verified raises SignatureError, and nothing else is ever raised for what a sender sent.

    verified = verify("github", secrets=[secret], method="POST", url=url,
                      headers=headers, body=body, now=time.time())

Schemes: `scheme.Scheme` is the shape of all; `hmac_scheme` the generic one; `presets` the vendors
as data; `rules` turns the verify block of a mapping file into a scheme.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from receiver.signatures.errors import (
    CAUSES as CAUSES,
    SchemeInvalid as SchemeInvalid,
    SignatureError as SignatureError,
)
from receiver.signatures.handshakes import Handshake as Handshake
from receiver.signatures.hmac_scheme import HmacScheme as HmacScheme
from receiver.signatures.presets import PRESETS as PRESETS
from receiver.signatures.records import (
    Coverage as Coverage,
    Request as Request,
    Response as Response,
    Strength as Strength,
    Verified as Verified,
    lower_names,
)
from receiver.signatures.rules import RULES as RULES, scheme_of as scheme_of
from receiver.signatures.scheme import Scheme as Scheme


def verify(
    scheme: str | Scheme,
    *,
    secrets: Sequence[str],
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
) -> Verified:
    """Verify that one of the secrets signed this request, or raise SignatureError.

    `scheme` is a preset's name or a scheme. Header names match without regard to case, values
    are Latin-1 text as HTTP servers give it. `url` is what the vendor called. A secret is passed
    exactly as the vendor shows it. `now` is in seconds since 1970.
    """
    request = Request(method, url, lower_names(headers), body)
    return _known(scheme).verify(request, secrets=secrets, now=now)


def sign(
    scheme: str | Scheme,
    *,
    secret: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    delivery_id: str | None = None,
) -> dict[str, str]:
    """Return the headers that the vendor would add; the counterpart of `verify`.

    Where a vendor signs in the URL or the body, these are not enough: see `signed_request`.

    `delivery_id` is used where the scheme has one; without it, one is derived from body and
    time. Raises SignatureError where the secret is unusable or a signed header is missing.
    """
    known = _known(scheme)
    request = Request(method, url, lower_names(headers), body)
    return known.headers_of(known.sign(request, secret=secret, now=now, delivery_id=delivery_id))


def signed_request(
    scheme: str | Scheme,
    *,
    secret: str,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    now: float,
    delivery_id: str | None = None,
) -> Request:
    """The whole request as the vendor would send it, header names in lower case.

    Like `sign`, for every scheme: some vendors write the signature, or the time that it covers,
    into the URL or the body. Raises SignatureError where the secret or the body is unusable.
    """
    request = Request(method, url, lower_names(headers), body)
    return _known(scheme).sign(request, secret=secret, now=now, delivery_id=delivery_id)


def _known(scheme: str | Scheme) -> Scheme:
    found = PRESETS.get(scheme) if isinstance(scheme, str) else scheme
    if found is None:
        raise SignatureError("unknown-scheme")
    return found
