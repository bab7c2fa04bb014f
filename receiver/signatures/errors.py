"""Why a request is not verified, and why a scheme cannot be used.

Owns the machine-readable causes. A sender never sees them; logs, counters and operators do.
"""

from __future__ import annotations

#: Every cause that verification can name, with what it means to an operator.
CAUSES: dict[str, str] = {
    "unknown-scheme": "no scheme of that name is known",
    "no-secret": "no secret is configured, or it is empty",
    "malformed-secret": "no configured secret can be decoded as the scheme needs it",
    "missing-signature": "the signature header is missing or empty",
    "malformed-signature": "the signature header is not in the form of the scheme",
    "wrong-signature": "no signature matches: another secret, URL or body than was signed",
    "missing-header": "a header that the signature covers is missing or empty",
    "malformed-header": "a header that the signature covers cannot be read",
    "malformed-url": "the URL that the signature covers cannot be read",
    "malformed-body": "the body cannot be read where the scheme has to look into it",
    "missing-token": "the token, or the user and password, are missing",
    "wrong-token": "the token, or the user or password, are others than configured",
    "wrong-claims": "the signed token is right, but made for another URL or body",
    "malformed-handshake": "a set-up request that cannot be answered",
    "no-window": "a secret was offered while no window was open for it: run `receiver pair`",
    "missing-timestamp": "the time of signing is missing",
    "malformed-timestamp": "the time of signing cannot be read",
    "stale-timestamp": "rightly signed, but too long ago: a replay, a retry that repeats the first "
    "time of signing, or a clock that is wrong",
    "future-timestamp": "rightly signed, but for later: a clock that is wrong",
}


class SignatureError(Exception):
    """The request is not verified; `cause` is one of CAUSES, `detail` one sentence on top of it.

    Neither holds anything of the request's values or of a secret, so both are safe to log.
    """

    def __init__(self, cause: str, detail: str = "") -> None:
        super().__init__(cause, detail)
        self.cause = cause
        self.detail = detail or CAUSES[cause]

    def __str__(self) -> str:
        return f"{self.cause}: {self.detail}"


class SchemeInvalid(ValueError):
    """A verify block that names no usable scheme; the message names what to change."""
