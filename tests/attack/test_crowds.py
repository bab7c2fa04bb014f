"""Many at once, against a real process: its memory is bounded, and honest senders get through."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest

from receiver.web.connections import bounded
from tests.attack.conftest import CONNECTIONS, ROOM_MIB
from tests.attack.wire import Streams, connected, is_cut_off, send
from tests.receiver.web.endpoint import Endpoint, head, read_answer, served, signed
from tests.support.memory import MIB, forget_peak, needs_proc, peak_bytes, resident_bytes
from tests.support.service import Service
from tests.support.vendors import helpdesk, solved

BODY = b'{"action": "submitted"}'


def port_of(service: Service) -> int:
    return int(service.web.url.rpartition(":")[2])


async def post(service: Service, size: int = 0) -> httpx.Response:
    """A delivery on a connection of its own, as an honest vendor sends it."""
    sent = helpdesk(solved("honest", note="x" * size))
    async with httpx.AsyncClient(trust_env=False, timeout=10) as client:
        return await client.post(
            service.web.url + sent.path, content=sent.body, headers=sent.headers
        )


@pytest.fixture(autouse=True)
def files() -> None:
    """As many open files as an attacker has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < 4 * CONNECTIONS:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(4 * CONNECTIONS, hard), hard))


@needs_proc
async def test_a_thousand_idle_connections_cost_little_and_keep_no_one_out(
    victim: Service,
) -> None:
    pid, port = victim.web.pid, port_of(victim)
    assert (await post(victim)).status_code == 202
    before = resident_bytes(pid)
    async with connected(port, 1000) as idle:
        for _, writer in idle[::2]:
            await send(writer, b"POST /webhooks/tickets HTTP/1.1\r\nX-A: " + b"a" * 1000)
        began = time.monotonic()
        assert (await post(victim)).status_code == 202
        assert time.monotonic() - began < 2
        assert resident_bytes(pid) - before < 40 * MIB
        async with connected(port, 500) as more:
            assert (await post(victim)).status_code == 202
            gone = sum(reader.at_eof() for reader, _ in idle)
            assert gone >= 1500 - CONNECTIONS, "the oldest gave way"
            assert not any(reader.at_eof() for reader, _ in more[-100:])


@needs_proc
async def test_bodies_that_do_not_end_fill_no_memory_and_keep_no_one_out(victim: Service) -> None:
    """200 MiB of them, where there is room for 16."""
    pid, port = victim.web.pid, port_of(victim)
    assert (await post(victim, MIB // 2)).status_code == 202
    forget_peak(pid)
    before = resident_bytes(pid)
    begun = head("POST", "/webhooks/tickets", {"Content-Length": str(MIB)}) + b"x" * (MIB - 1)
    async with connected(port, 200) as attackers:
        for number, (_, writer) in enumerate(attackers):
            await send(writer, begun)
            if number % 50 == 49:
                assert (await post(victim, MIB // 2)).status_code == 202
        answer = await read_answer(attackers[0][0])
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert answer.body["error"] == "unavailable"
    # The room, and what the sockets of 200 connections have read ahead.
    assert peak_bytes(pid) - before < (ROOM_MIB + 80) * MIB
    counted = 'receiver_rejections_total{cause="no-room",source="tickets"}'
    assert victim.metrics()[counted] >= 200 - ROOM_MIB


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
async def port(endpoint: Endpoint) -> AsyncIterator[int]:
    async with served(endpoint.app, bounded(head_seconds=10, most_connections=10)) as port:
        yield port


async def begin_delivery(streams: Streams) -> None:
    headers = signed(BODY) | {"Content-Length": str(len(BODY))}
    await send(streams[1], head("POST", "/webhooks/github", headers) + BODY)


async def test_where_no_connection_is_idle_a_new_one_is_answered_503(
    endpoint: Endpoint, port: int
) -> None:
    endpoint.inbox.pause = 1.0
    async with AsyncExitStack() as stack:
        busy = await stack.enter_async_context(connected(port, 10))
        for streams in busy:
            await begin_delivery(streams)
        await asyncio.sleep(0.2)
        [(reader, _)] = await stack.enter_async_context(connected(port))
        answer = await read_answer(reader)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert answer.body["error"] == "unavailable"
        assert await is_cut_off(reader, within=1) == b""
        assert {(await read_answer(reader)).status for reader, _ in busy} <= {200, 202}


async def test_whose_body_takes_longest_makes_room_for_a_new_connection(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("receiver.web.connections.PATIENCE_SECONDS", 0.1)
    async with connected(port, 10) as dawdling:
        for _, writer in dawdling:
            await send(writer, head("POST", "/webhooks/github", {"Content-Length": "10"}))
        await asyncio.sleep(0.3)
        async with connected(port) as [new]:
            await begin_delivery(new)
            assert (await read_answer(new[0])).status == 202
            await is_cut_off(dawdling[0][0], within=1)
            assert not dawdling[-1][0].at_eof()
