"""One connection: how much a sender may owe and for how long, and which one is closed first.

Owns the bounds that uvicorn leaves open: a head, a trailer or an unread body arrives in time and
within bounds, a response is taken in time, and idle connections never exclude new ones. Refuses to
look into a request.
"""

from __future__ import annotations

from asyncio import Handle, Transport
from typing import cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from receiver.web.errors import error_body, retry_after

#: Request line and headers together; no honest request has more. httptools has no bound.
HEAD_BYTES = 32 * 1024
MOST_HEADERS = 200
#: Chunk sizes and trailers: so many bytes for each byte of the body, on top of a head's.
FRAMING = 16
#: Requests that wait on one connection for the response to the one before them.
MOST_PIPELINED = 16
#: After a response, the rest of an unread body may take this long.
LINGER_SECONDS = 2.0
#: A response, and a closing connection, is aborted when its bytes are not taken for this long.
WRITE_SECONDS = 30.0
CLOSING_SECONDS = 5.0
#: A body that has been arriving for less than this keeps its connection.
PATIENCE_SECONDS = 2.0
#: At the limit of connections, this share (1/N) of those that may go is closed at once, since
#: finding them costs a walk through all of them.
SHARE_CLOSED = 10


class Overstepped(Exception):
    """A bound is exceeded; the response is in `BoundedHttp._refusal`."""


class BoundedHttp(HttpToolsProtocol):
    """httptools with bounds. `bounded` makes the class for other limits than these."""

    head_seconds: float = 10.0
    most_connections: int = 2000

    #: Code and detail of the next 400, in place of uvicorn's own.
    _refusal: tuple[str, str] | None = None
    _debt: Handle | None = None
    _stall: Handle | None = None
    _since = 0.0
    _in_head = False
    _owes_body = False
    _fed = 0
    _body = 0
    _body_in_packet = 0

    # What arrives, in order.

    def connection_made(  # type: ignore[override]  # uvicorn's own: a server's is a Transport
        self, transport: Transport
    ) -> None:
        super().connection_made(transport)
        self._since = self.loop.time()
        self._owe(self.head_seconds)
        if len(self.connections) > self.most_connections:
            self._make_room()

    def data_received(self, data: bytes) -> None:
        self._body_in_packet = 0
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._fed += len(data)
        if self._fed - self._body > HEAD_BYTES + FRAMING * self._body:
            self._refuse(431, "head-too-large", f"A head may have {HEAD_BYTES} bytes at most.")
        elif self._debt is None and (self._in_head or self._is_idle):
            self._owe(LINGER_SECONDS if self._owes_body else self.head_seconds)

    def on_message_begin(self) -> None:
        self._in_head = True
        # The rest of this packet belongs to the request before.
        self._fed, self._body = -self._body_in_packet, 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; drop a trailer, which follows the body: no proxy has checked it."""
        if not self._in_head:
            return
        if len(self.headers) >= MOST_HEADERS:
            self._overstep("too-many-headers", f"A head may have {MOST_HEADERS} headers.")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if len(self.pipeline) >= MOST_PIPELINED:
            self._overstep("too-many-requests", "Wait for answers before you send more.")
        self._in_head = False
        self._owes_body = True
        self._since = self.loop.time()
        self._owe_nothing()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._body += len(body)
        self._body_in_packet += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._owes_body = False
        self._owe_nothing()
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._owe_nothing()
        self._unset_keepalive_if_required()
        self.resume_writing()
        super().connection_lost(exc)

    # What goes out.

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._since = self.loop.time()
        if self.transport.is_closing():
            self._abort_later()
        elif self._owes_body and self.cycle.response_complete:
            self._unset_keepalive_if_required()
            self._owe(LINGER_SECONDS)

    def timeout_keep_alive_handler(self) -> None:
        self._close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._stall is None:
            self._stall = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def send_400_response(self, msg: str) -> None:
        """Answer an unreadable request as uvicorn would, in the form of all our errors."""
        code, detail = self._refusal or ("bad-request", msg)
        self._refuse(400, code, detail)

    # Which connection is closed, and how.

    @property
    def _is_idle(self) -> bool:
        """Whether only the sender is waited for."""
        cycle: RequestResponseCycle | None = self.cycle  # None before the first, whatever its type
        return cycle is None or cycle.response_complete

    def _may_go(self, now: float) -> bool:
        dawdles = self._owes_body and now - self._since > PATIENCE_SECONDS
        return not self.transport.is_closing() and (self._is_idle or dawdles)

    def _make_room(self) -> None:
        """Close those that have been idle longest, then those whose body takes longest."""
        now = self.loop.time()
        open_ = cast("set[BoundedHttp]", self.connections)
        if sum(not other.transport.is_closing() for other in open_) <= self.most_connections:
            return
        may_go = sorted(
            (other for other in open_ if other is not self and other._may_go(now)),  # noqa: SLF001
            key=lambda other: (not other._is_idle, other._since),  # noqa: SLF001
        )
        for other in may_go[: 1 + len(may_go) // SHARE_CLOSED]:
            other._close()  # noqa: SLF001
        if not may_go:
            detail = "Too many connections are open; try again."
            self._refuse(503, "unavailable", detail)

    def _owe(self, seconds: float) -> None:
        self._owe_nothing()
        self._debt = self.loop.call_later(seconds, self._on_overdue)

    def _owe_nothing(self) -> None:
        if self._debt is not None:
            self._debt.cancel()
            self._debt = None

    def _on_overdue(self) -> None:
        self._debt = None
        if self._in_head and self._is_idle:
            self._refuse(408, "too-slow", "The head did not arrive in time.")
        else:
            self._close()

    def _overstep(self, code: str, detail: str) -> None:
        self._refusal = code, detail
        raise Overstepped

    def _refuse(self, status: int, code: str, detail: str) -> None:
        if self.transport.is_closing():
            return
        body = error_body(code, detail)
        cause = "too-many-connections"
        lines = [
            *((name.encode(), text.encode()) for name, text in retry_after(status, cause)),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        head = b"".join(b"%s: %s\r\n" % line for line in lines)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + body)
        self._close()

    def _close(self) -> None:
        self._owe_nothing()
        if not self.transport.is_closing():
            self.transport.close()
            self._abort_later()

    def _abort_later(self) -> None:
        """Abort a closed transport that still waits for its last bytes to be taken."""
        self._owe_nothing()
        self._debt = self.loop.call_later(CLOSING_SECONDS, self.transport.abort)


def bounded(*, head_seconds: float, most_connections: int) -> type[BoundedHttp]:
    """The protocol with these limits."""
    limits: dict[str, object] = {
        "head_seconds": head_seconds,
        "most_connections": most_connections,
    }
    return type("BoundedHttp", (BoundedHttp,), limits)
