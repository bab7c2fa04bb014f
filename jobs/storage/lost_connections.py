"""A silent PostgreSQL: its connections are dropped together and not one by one.

Owns how that is noticed: by the kernel where a host has vanished, by a statement's time-out where
it is up but does not answer. A pool would try each of its dead connections in turn, and wait for
each: after a failover that made minutes of a moment.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext

#: A host that answers no packet for this long is gone, and its connections are lost.
GONE_SECONDS = 5


def notice_silence(engine: Engine) -> None:
    """Watch the connections of this engine (asyncpg)."""
    idle: dict[int, Any] = {}

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        _let_kernel_notice(connection.driver_connection._transport)  # noqa: SLF001 - asyncpg shows its socket nowhere else

    @event.listens_for(engine, "checkin")
    def on_checkin(connection: Any, _record: Any) -> None:
        if connection is not None:
            idle[id(connection)] = connection

    @event.listens_for(engine, "checkout")
    def on_checkout(connection: Any, _record: Any, _proxy: Any) -> None:
        idle.pop(id(connection), None)

    @event.listens_for(engine, "handle_error")
    def on_error(context: ExceptionContext) -> None:
        if not isinstance(context.original_exception, TimeoutError):
            return
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = True
        silent = context.connection.connection if context.connection is not None else None
        for connection in (silent, *idle.values()):
            if connection is not None and connection.driver_connection is not None:
                connection.driver_connection.terminate()  # a close would wait for the server
        idle.clear()


def _let_kernel_notice(transport: asyncio.Transport) -> None:
    """Let the kernel give up on a host that has vanished."""
    connected = transport.get_extra_info("socket")
    if connected is None or connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    options = {
        "TCP_KEEPIDLE": GONE_SECONDS,
        "TCP_KEEPINTVL": 1,
        "TCP_KEEPCNT": GONE_SECONDS,
        "TCP_USER_TIMEOUT": GONE_SECONDS * 1000,
    }
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        if hasattr(socket, name):  # macOS has not all of them
            with suppress(OSError):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
