"""The HTTP server around the application: uvicorn, bounded and stopped from outside.

Owns what uvicorn is told. A stop lets requests under way be committed and answered first.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from receiver.settings import Settings

log = structlog.get_logger(__name__)

#: Request line and headers together; nobody's honest request has more. httptools has no bound.
HEAD_BYTES = 64 * 1024
#: Vendors send again soon; a connection kept open saves them the handshake.
KEEP_ALIVE_SECONDS = 30


async def serve(
    app: Starlette,
    settings: Settings,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until `stop` is set; `on_ready` gets the URL once the port is open.

    Raises what starting the application raises, and OSError where the port is taken.
    """
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=BoundedHttp,
        ws="none",
        lifespan="off",
        proxy_headers=bool(settings.trusted),
        forwarded_allow_ips=settings.trusted,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )
    # Entered here and not by uvicorn, which would log a refusal to start and lose it.
    async with app.router.lifespan_context(app):
        server = Server(config, on_ready)
        stopping = asyncio.create_task(_stop(server, stop))
        try:
            await server.serve()
        finally:
            stopping.cancel()


class Server(uvicorn.Server):
    """A uvicorn that leaves signals to its caller and says when and where it listens."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None] | None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, then say so."""
        try:
            await super().startup(sockets)
        except SystemExit as error:
            # uvicorn ends the process where it cannot listen; whoever called decides that.
            raise OSError(f"cannot listen on {self.config.host}:{self.config.port}") from error
        url = _url_of(self)
        log.info("web.ready", url=url)
        if self._on_ready is not None:
            self._on_ready(url)


class BoundedHttp(HttpToolsProtocol):
    """httptools with a bound on what comes before the body."""

    _head_bytes = 0
    _in_head = False

    def on_message_begin(self) -> None:
        self._head_bytes = 0
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("The headers are too large.")


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def _url_of(server: uvicorn.Server) -> str:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
