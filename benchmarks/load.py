"""A client that can saturate the server: raw keep-alive connections, requests made beforehand."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import httptools
import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    """What came of a load: `latencies_ms` one for each request, in no order."""

    seconds: float
    statuses: Mapping[int, int]
    latencies_ms: Sequence[float]

    @property
    def per_second(self) -> float:
        return sum(self.statuses.values()) / self.seconds


def raw_request(path: str, headers: Mapping[str, str], body: bytes) -> bytes:
    """The bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class _Connection(asyncio.Protocol):
    """One connection: the next request goes out when the last answer is complete."""

    def __init__(self, requests: Iterator[bytes], load: _Tally) -> None:
        self._requests = requests
        self._load = load
        self._parser = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self._load.count(self._parser.get_status_code(), time.perf_counter() - self._sent_at)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(exc)


class _Tally:
    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.latencies_ms: list[float] = []

    def count(self, status: int, seconds: float) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1
        self.latencies_ms.append(seconds * 1000)


async def _run(port: int, requests: Sequence[bytes], connections: int) -> Load:
    loop = asyncio.get_running_loop()
    waiting = iter(requests)
    tally = _Tally()
    started_at = time.perf_counter()
    opened = [
        await loop.create_connection(lambda: _Connection(waiting, tally), "127.0.0.1", port)
        for _ in range(connections)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in opened))
    seconds = time.perf_counter() - started_at
    return Load(seconds, tally.statuses, tally.latencies_ms)


def run(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Post all requests over that many connections, each waiting for its answer."""
    return uvloop.run(_run(port, requests, connections))
