"""One HTTP exchange at the ASGI level: what a sender called, the response, and a polite error.

Owns what makes an error arrive: a sender that is still sending sees the response only if its bytes
are read for a while longer. Refuses to wait longer or read more than `body` allows.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from receiver.signatures import Request, Response
from receiver.web.body import BodyReader, BodyTooLarge
from receiver.web.body_budget import BudgetExceeded, Reservation
from receiver.web.errors import HTTPError, error_body, overloaded

#: No browser may take a response for a page and run what a sender had repeated in it.
NOSNIFF = (b"x-content-type-options", b"nosniff")
#: May not carry a Content-Length (RFC 9110 8.6).
NO_CONTENT = 204
#: A length may be declared that no database can hold; from here on it only means: far too large.
MAX_DECLARED_BYTES = 2**63 - 1


class WebRequest:
    """A request under way. Header names are lower-case; a repeated one is joined by commas."""

    __slots__ = (
        *("_body_sha256", "_scope", "body", "declared_bytes", "headers", "method"),
        *("reader", "send", "started"),
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self.reader = BodyReader(receive)
        self.send = send
        self.started = time.perf_counter()
        self.method: str = scope["method"]
        self.headers = _joined(scope["headers"])
        #: The number in Content-Length; None where it has none.
        self.declared_bytes = _number(self.headers.get("content-length", ""))
        #: What `read` returned; None until then.
        self.body: bytes | None = None
        self._body_sha256: str | None = None

    @property
    def source(self) -> str:
        """The name behind `/webhooks/`."""
        return str(self._scope["path_params"]["source"])

    @property
    def has_more_path(self) -> bool:
        """Whether the path goes on behind the source."""
        return "token" in self._scope["path_params"]

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return str(self._scope["path"])

    @property
    def body_sha256(self) -> str | None:
        """The hex SHA-256 of the body, worked out once; None until the body was read."""
        if self._body_sha256 is None and self.body is not None:
            self._body_sha256 = hashlib.sha256(self.body).hexdigest()
        return self._body_sha256

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the peer, as far as it is known and trusted."""
        client: tuple[str, int] | None = self._scope.get("client")
        return client

    def url(self, public_url: str | None) -> str:
        """What the sender called, byte for byte; scheme and host from `public_url` if given."""
        scope = self._scope
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        base = public_url or f"{scope['scheme']}://{self.headers.get('host', '')}"
        query = scope.get("query_string", b"")
        return base + (raw_path + b"?" + query if query else raw_path).decode("latin-1")

    async def read(self, limit_bytes: int, seconds: float, reservation: Reservation) -> None:
        """Read the whole body, counted in `reservation`.

        Raises HTTPError (413, 408, 503) or Disconnected.
        """
        try:
            self.body = await self.reader.read(limit_bytes, seconds, reservation)
        except BodyTooLarge:
            raise too_large(limit_bytes) from None
        except TimeoutError:
            raise HTTPError(408, "too-slow", "The body did not arrive in time.") from None
        except BudgetExceeded:
            detail = "the bodies under way fill RECEIVER_BODY_BUFFER_BYTES"
            raise overloaded("no-room", detail) from None

    def as_called(self, public_url: str | None) -> Request:
        """The request as its signature is verified."""
        return Request(self.method, self.url(public_url), self.headers, self.body or b"")


def too_large(limit_bytes: int) -> HTTPError:
    """The 413 of a body over the limit."""
    return HTTPError(
        413,
        "body-too-large",
        f"A body may have {limit_bytes} bytes at most (RECEIVER_BODY_LIMIT_BYTES).",
        detail=f"a body of more than {limit_bytes} bytes; raise RECEIVER_BODY_LIMIT_BYTES, or have"
        " the sender post less",
    )


async def respond(request: WebRequest, response: Response) -> None:
    """Send the whole response."""
    await request.send(_start(response))
    body = b"" if request.method == "HEAD" else response.body
    await request.send({"type": "http.response.body", "body": body})


async def refuse(request: WebRequest, error: HTTPError) -> None:
    """Send the error at once; then read on for a bounded time while the sender is still sending.

    The connection is closed after a body that was not read: the rest of it is no request.
    """
    closing = () if request.reader.is_complete else (("connection", "close"),)
    body = error_body(error.code, error.message)
    headers = (*error.headers, *closing)
    await request.send(_start(Response(error.status, body, "application/json", headers)))
    await request.send({"type": "http.response.body", "body": body, "more_body": True})
    await request.reader.drain()
    await request.send({"type": "http.response.body", "body": b""})


def _start(response: Response) -> dict[str, object]:
    headers = [
        NOSNIFF,
        *((name.lower().encode(), text.encode("latin-1")) for name, text in response.headers),
    ]
    if response.status != NO_CONTENT:
        headers.append((b"content-length", b"%d" % len(response.body)))
    if response.content_type is not None:
        headers.append((b"content-type", response.content_type.encode("latin-1")))
    return {"type": "http.response.start", "status": response.status, "headers": headers}


def _joined(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers


def _number(declared: str) -> int | None:
    if not (declared.isascii() and declared.isdigit()):
        return None
    return min(int(declared), MAX_DECLARED_BYTES)
