"""Errors over HTTP: one form, `{"error", "detail"}`, and one table of when to send again.

Owns which 503 names which Retry-After. Refuses to let a sender learn more than the code and one
sentence: the cause and its detail are for the operator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus

Headers = tuple[tuple[str, str], ...]

#: Seconds after which to send again, by the cause of a 503: soon where the load or the database has
#: to recover.
RETRY_AFTER_SECONDS: Mapping[str, int] = {
    "database": 2,
    "not-committed": 5,
    "no-room": 5,
    "too-many-large": 5,
    "too-many-connections": 5,
}
#: For every other cause: an operator has to act first.
RETRY_LATER_SECONDS = 60


class HTTPError(Exception):
    """The request is answered with an error; a 503 always names when to send again.

    `code` and `message` are all that the sender learns; `cause` and `detail` are the operator's.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        cause: str | None = None,
        detail: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.message = message
        self.cause = cause or code
        self.detail = detail or message
        self.headers = (*headers, *retry_after(status, self.cause))


def retry_after(status: int, cause: str) -> Headers:
    """The header of a 503; none for any other status."""
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return ()
    return (("retry-after", str(RETRY_AFTER_SECONDS.get(cause, RETRY_LATER_SECONDS))),)


def error_body(code: str, message: str) -> bytes:
    """The JSON body of every error."""
    return json.dumps({"error": code, "detail": message}).encode()


def not_ready(cause: str, detail: str) -> HTTPError:
    """The 503 of a source that an operator has to repair first."""
    return HTTPError(
        503,
        "not-ready",
        "This source cannot take deliveries yet; send them again later.",
        cause=cause,
        detail=detail,
    )


def overloaded(cause: str, detail: str) -> HTTPError:
    """The 503 of a request for which there is no capacity at the moment."""
    message = "Too much is coming in at the moment; send it again."
    return HTTPError(503, "unavailable", message, cause=cause, detail=detail)
