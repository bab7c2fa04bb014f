"""Raw connections as an attacker opens them: many, slow, and never as agreed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@contextlib.asynccontextmanager
async def connected(port: int, number: int = 1) -> AsyncIterator[list[Streams]]:
    """So many open connections, closed at the end without a farewell."""
    opened: list[Streams] = []
    try:
        for _ in range(number):
            opened += [await asyncio.open_connection("127.0.0.1", port)]
        yield opened
    finally:
        for _, writer in opened:
            writer.transport.abort()


async def is_cut_off(reader: asyncio.StreamReader, *, within: float) -> bytes:
    """What still came before the server closed the connection; TimeoutError if it did not."""
    async with asyncio.timeout(within):
        with contextlib.suppress(ConnectionError):
            return await reader.read()
    return b""


async def drip(writer: asyncio.StreamWriter, data: bytes, *, every: float) -> None:
    """Send byte by byte until all is sent or the server has had enough."""
    with contextlib.suppress(ConnectionError):
        for byte in data:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(every)


async def send(writer: asyncio.StreamWriter, data: bytes) -> None:
    """Send it all, or as much as the server takes."""
    with contextlib.suppress(ConnectionError):
        writer.write(data)
        await writer.drain()
