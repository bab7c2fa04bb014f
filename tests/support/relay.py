"""A TCP way to a server that can go dead: connections stay open and nothing comes any more.

As behind a failover: the old machine is gone without a word, and the address answers again on a
new one. What was connected before never hears anything.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Self


class Relay:
    """Passes bytes between TCP clients and a server on a unix socket."""

    def __init__(self, server: Path) -> None:
        self._server = server
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        #: No one who is connected now will hear anything again, nor who connects while it is dead.
        self._age = 0
        self.is_dead = False

    @classmethod
    @contextlib.asynccontextmanager
    async def to(cls, server: Path) -> AsyncIterator[Self]:
        """A relay that listens, on a free port."""
        relay = cls(server)
        relay._listener = await asyncio.start_server(relay._serve, "127.0.0.1", 0)
        try:
            yield relay
        finally:
            relay._listener.close()
            for task in relay._tasks:
                task.cancel()
            await asyncio.gather(*relay._tasks, return_exceptions=True)

    @property
    def port(self) -> int:
        assert self._listener is not None
        port: int = self._listener.sockets[0].getsockname()[1]
        return port

    def die(self) -> None:
        self.is_dead = True
        self._age += 1

    def come_back(self) -> None:
        """New connections work; those of before stay dead."""
        self.is_dead = False

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        age = self._age
        if self.is_dead:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return
        with contextlib.suppress(OSError, asyncio.CancelledError):
            from_server, to_server = await asyncio.open_unix_connection(self._server)
            try:
                async with asyncio.TaskGroup() as both:
                    both.create_task(self._pass_on(reader, to_server, age))
                    both.create_task(self._pass_on(from_server, writer, age))
            finally:
                to_server.close()
                writer.close()

    async def _pass_on(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, age: int
    ) -> None:
        while chunk := await source.read(65536):
            if age != self._age:
                await asyncio.Event().wait()
            with contextlib.suppress(OSError):
                target.write(chunk)
                await target.drain()
        target.close()
