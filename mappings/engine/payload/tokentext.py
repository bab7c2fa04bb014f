"""A body that is a signed token (JWT, RFC 7519): its claims are the payload.

Owns how the claims are taken out. Refuses to judge the signature: that was done before.
"""

from __future__ import annotations

import base64

from mappings.engine.payload.errors import PayloadError
from mappings.engine.payload.jsontext import parse_json

_PARTS = 3


def parse_token(text: str) -> object:
    """The claims of the token in `text`. Raises PayloadError."""
    parts = text.strip().split(".")
    if len(parts) != _PARTS:
        raise PayloadError("The body is not a token of three parts separated by dots.")
    claims = parts[1]
    try:
        decoded = base64.b64decode(claims + "=" * (-len(claims) % 4), altchars=b"-_", validate=True)
        return parse_json(decoded.decode("utf-8"))
    except ValueError as error:  # binascii.Error and UnicodeDecodeError are ValueErrors
        raise PayloadError("The token's second part is not base64url of UTF-8.") from error
