"""One HTTP exchange at the ASGI level: reading a bounded body, answering, refusing politely.

Owns what makes a refusal arrive: a sender that is still sending sees the answer only if its bytes
go on being read for a while. Refuses to wait longer or read more than its bounds.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Iterable
from urllib.parse import quote

from starlette.types import Receive, Scope, Send

from receiver.signatures import Response
from receiver.web.body_budget import NoRoom, Place

#: After a refusal at most this much is read and thrown away.
DRAIN_BYTES = 8 * 1024 * 1024
DRAIN_SECONDS = 2.0
#: When a sender for whose body there was no room may come again.
NO_ROOM_RETRY_SECONDS = 5
#: Nobody is to guess that an answer is a page and run what a sender had repeated in it.
NOSNIFF = (b"x-content-type-options", b"nosniff")
#: May not carry a Content-Length (RFC 9110 8.6).
NO_CONTENT = 204

Headers = tuple[tuple[bytes, bytes], ...]


class Disconnected(Exception):
    """The sender left before its body was whole."""


class HTTPError(Exception):
    """The request is answered with an error; `cause` and `detail` are for the operator.

    `says` is all that the sender learns, in one sentence.
    """

    def __init__(
        self,
        status: int,
        code: str,
        says: str,
        *,
        cause: str | None = None,
        why: str | None = None,
        headers: Headers = (),
    ) -> None:
        super().__init__(code)
        self.status = status
        self.code = code
        self.says = says
        self.cause = cause or code
        self.detail = why or says
        self.headers = headers


class WebRequest:
    """A request under way. Header names are lower-case; a repeated one is joined by commas."""

    __slots__ = (
        *("_body_sha256", "_receive", "_scope", "began", "body", "headers", "method"),
        *("read_whole", "send"),
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self.send = send
        self.began = time.perf_counter()
        self.method: str = scope["method"]
        self.headers = _headers(scope["headers"])
        self.read_whole = False
        #: What `read` returned; None until then.
        self.body: bytes | None = None
        self._body_sha256: str | None = None

    @property
    def source(self) -> str:
        """The last part of the path."""
        return str(self._scope["path_params"]["source"])

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
    def has_more_path(self) -> bool:
        """Whether the path goes on behind the source."""
        return "token" in self._scope["path_params"]

    @property
    def client(self) -> tuple[str, int] | None:
        """Address and port of the peer, as far as it is known and believed."""
        client: tuple[str, int] | None = self._scope.get("client")
        return client

    @property
    def declared_bytes(self) -> int:
        """What Content-Length says, 0 where it says nothing."""
        return int(self.headers["content-length"]) if self.declares_bytes else 0

    @property
    def declares_bytes(self) -> bool:
        """Whether Content-Length says a number."""
        declared = self.headers.get("content-length", "")
        return declared.isascii() and declared.isdigit()

    def url(self, public_url: str | None) -> str:
        """What the sender called, byte for byte; scheme and host from `public_url` if there."""
        scope = self._scope
        raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
        base = public_url or f"{scope['scheme']}://{self.headers.get('host', '')}"
        query = scope.get("query_string", b"")
        return base + (raw_path + b"?" + query if query else raw_path).decode("latin-1")

    async def read(self, limit_bytes: int, timeout: float, place: Place) -> bytes:
        """The whole body, held in `place`; raises HTTPError (413, 408, 503) or Disconnected."""
        chunks: list[bytes] = []
        try:
            async with asyncio.timeout(timeout) as clock:
                with place.growing(lambda: clock.reschedule(0)):
                    await self._gather(chunks, limit_bytes, place)
            self.body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        except TimeoutError:
            if place.gave_way:
                raise no_room() from None
            raise HTTPError(408, "too-slow", "The body did not arrive in time.") from None
        except NoRoom:
            raise no_room() from None
        finally:
            # The traceback of a refusal keeps this frame alive, but not what it read.
            chunks.clear()
        return self.body

    async def _gather(self, chunks: list[bytes], limit_bytes: int, place: Place) -> None:
        while not self.read_whole:
            chunk = await self._chunk()
            if place.bytes + len(chunk) > limit_bytes:
                raise too_large(limit_bytes)
            place.take(len(chunk))
            chunks.append(chunk)

    async def drain(self) -> None:
        """Read on and throw away, up to the bounds."""
        size = 0
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while not self.read_whole and size <= DRAIN_BYTES:
                    size += len(await self._chunk())
        except (TimeoutError, Disconnected):
            return

    async def _chunk(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        self.read_whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))


def too_large(limit_bytes: int) -> HTTPError:
    """The refusal of a body over the limit."""
    return HTTPError(
        413,
        "body-too-large",
        f"A body may have {limit_bytes} bytes at most (RECEIVER_BODY_LIMIT_BYTES).",
        why=f"a body of more than {limit_bytes} bytes; raise RECEIVER_BODY_LIMIT_BYTES, or have the"
        " sender post less",
    )


def no_room() -> HTTPError:
    """The refusal of a body that does not fit beside the others."""
    return HTTPError(
        503,
        "unavailable",
        "Too much is coming in at the moment; send it again.",
        cause="no-room",
        why="the bodies under way fill RECEIVER_BODY_BUFFER_BYTES",
        headers=((b"retry-after", b"%d" % NO_ROOM_RETRY_SECONDS),),
    )


async def respond(call: WebRequest, answer: Response) -> None:
    """Answer and be done."""
    headers = tuple(
        (name.lower().encode(), text.encode("latin-1")) for name, text in answer.headers
    )
    await call.send(_start(answer.status, answer.body, answer.content_type, headers))
    body = b"" if call.method == "HEAD" else answer.body
    await call.send({"type": "http.response.body", "body": body})


async def refuse(call: WebRequest, refused: HTTPError) -> None:
    """Answer at once; then, while the sender is still sending, read on for a bounded while.

    The connection is closed after a body that was not read: what is left of it is no request.
    """
    body = json.dumps({"error": refused.code, "detail": refused.says}).encode()
    closing: Headers = () if call.read_whole else ((b"connection", b"close"),)
    await call.send(_start(refused.status, body, "application/json", (*refused.headers, *closing)))
    await call.send({"type": "http.response.body", "body": body, "more_body": True})
    await call.drain()
    await call.send({"type": "http.response.body", "body": b""})


def _start(
    status: int, body: bytes, content_type: str | None, headers: Headers = ()
) -> dict[str, object]:
    built = [NOSNIFF, *headers]
    if status != NO_CONTENT:
        built.append((b"content-length", b"%d" % len(body)))
    if content_type is not None:
        built.append((b"content-type", content_type.encode("latin-1")))
    return {"type": "http.response.start", "status": status, "headers": built}


def _headers(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name, value = name_bytes.decode("latin-1"), value_bytes.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
