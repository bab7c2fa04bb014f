"""The HTTP server around the application: uvicorn, bounded and stopped from outside.

Owns uvicorn's configuration. On a stop, requests under way are committed and answered first.
"""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Callable, Iterator
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette

from receiver.config.settings import Settings
from receiver.web.connections import bounded

log = structlog.get_logger(__name__)

#: Files that a process needs besides its connections: database, Redis, mappings, watchers.
FILES_BESIDE = 100
#: The part of a stop that is left after the requests under way: commits, counts, clean-up.
CLOSING_SECONDS = 4
#: Vendors send again soon; an open connection saves the handshake.
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
        http=bounded(
            head_seconds=settings.header_timeout_seconds,
            most_connections=connections_allowed(settings.connection_limit),
        ),
        ws="none",
        lifespan="off",
        proxy_headers=bool(settings.trusted),
        forwarded_allow_ips=settings.trusted,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=max(1, settings.shutdown_seconds - CLOSING_SECONDS),
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
    """A uvicorn that leaves signals to its caller and reports the URL it listens on."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[str], None] | None) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none."""
        yield

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Open the port, then report it."""
        try:
            await super().startup(sockets)
        except SystemExit as error:
            # uvicorn ends the process where it cannot listen; that is the caller's decision.
            raise OSError(f"cannot listen on {self.config.host}:{self.config.port}") from error
        url = _url_of(self)
        log.info("web.ready", url=url)
        if self._on_ready is not None:
            self._on_ready(url)


def connections_allowed(wanted: int) -> int:
    """As many of the wanted connections as this process may open; its limit is raised if possible.

    Beyond that limit the database would lose its own connections.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted + FILES_BESIDE
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return wanted
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    allowed = max(soft - FILES_BESIDE, 1)
    if allowed < wanted:
        log.warning("web.fewer_connections", allowed=allowed, wanted=wanted, open_files=soft)
    return min(allowed, wanted)


async def _stop(server: uvicorn.Server, stop: asyncio.Event) -> None:
    await stop.wait()
    server.should_exit = True


def _url_of(server: uvicorn.Server) -> str:
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
