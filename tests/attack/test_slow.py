"""Senders that take their time: each is cut off, whatever part of a request it drips."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from starlette.types import Receive, Scope, Send

from receiver.web import body as body_reading, connections
from receiver.web.connections import bounded
from tests.attack.wire import connected, drip, is_cut_off, send
from tests.receiver.web.endpoint import Endpoint, head, read_answer, served, signed

BODY = b'{"action": "submitted"}'
HEAD_SECONDS = 0.4


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(body_seconds=0.5)


@pytest.fixture
async def port(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.4)
    monkeypatch.setattr(body_reading, "DRAIN_SECONDS", 0.3)
    http = bounded(head_seconds=HEAD_SECONDS, most_connections=100)
    async with served(endpoint.app, http) as port:
        yield port


def request(body: bytes = BODY, **headers: str) -> bytes:
    given = signed(body) | {"Content-Length": str(len(body))} | headers
    return head("POST", "/webhooks/github", given) + body


HEADS = {
    "nothing": b"",
    "line breaks": b"\r\n" * 1000,
    "a request line": b"POST /webhooks/github HTTP/1.1\r\nX-A: " + b"a" * 1000,
    "headers": b"POST / HTTP/1.1\r\n" + b"X-A: b\r\n" * 1000,
}


@pytest.mark.parametrize("dripped", HEADS.values(), ids=HEADS)
async def test_a_head_that_does_not_end_is_cut_off_byte_by_byte_too(
    port: int, dripped: bytes
) -> None:
    began = time.monotonic()
    async with connected(port) as [(reader, writer)]:
        dripping = asyncio.create_task(drip(writer, dripped, every=0.02))
        said = await is_cut_off(reader, within=3)
        await dripping
    assert HEAD_SECONDS - 0.1 < time.monotonic() - began < 2.5
    assert said.startswith(b"HTTP/1.1 408 ") or b":" not in dripped


@pytest.mark.parametrize("dripped", [b"\r\n" * 1000, b"POST /" + b"a" * 1000])
async def test_so_is_the_head_after_a_whole_request(port: int, dripped: bytes) -> None:
    async with connected(port) as [(reader, writer)]:
        await send(writer, request())
        assert (await read_answer(reader)).status == 202
        dripping = asyncio.create_task(drip(writer, dripped, every=0.02))
        await is_cut_off(reader, within=3)
        await dripping


async def test_a_body_byte_by_byte_is_given_up_when_its_time_is_up(
    endpoint: Endpoint, port: int
) -> None:
    whole = request(BODY)
    async with connected(port) as [(reader, writer)]:
        await send(writer, whole[: -len(BODY)])
        dripping = asyncio.create_task(drip(writer, BODY, every=0.1))
        assert (await read_answer(reader)).status == 408
        await is_cut_off(reader, within=4)
        await dripping
    assert endpoint.inbox.kept == {}
    assert endpoint.budget.held_bytes == 0


@pytest.mark.parametrize("path", ["/nothing", "/webhooks/absent", "/webhooks/github/a/b"])
async def test_an_unread_body_holds_no_connection(port: int, path: str) -> None:
    async with connected(port) as [(reader, writer)]:
        await send(writer, head("POST", path, {"Content-Length": "100000"}))
        dripping = asyncio.create_task(drip(writer, b"x" * 1000, every=0.02))
        assert b" 404 " in await is_cut_off(reader, within=4)
        await dripping


async def test_an_unread_body_and_that_ends_keeps_its_connection(port: int) -> None:
    async with connected(port) as [(reader, writer)]:
        await send(writer, head("POST", "/nothing", {"Content-Length": "3"}))
        assert b" 404 " in await reader.readline()
        await reader.readuntil(b"\r\n\r\nNot Found")
        await send(writer, b"abc" + request())
        assert (await read_answer(reader)).status == 202


async def test_an_answer_that_is_not_taken_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "WRITE_SECONDS", 0.3)
    answered = asyncio.Event()
    large = b"x" * 32 * 1024 * 1024

    async def answers_much(_scope: Scope, _receive: Receive, send: Send) -> None:
        length = (b"content-length", b"%d" % (2 * len(large)))
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": large, "more_body": True})
        await send({"type": "http.response.body", "body": large})
        answered.set()

    async with served(answers_much) as port, connected(port) as [(_, writer)]:
        await send(writer, head("GET", "/", {}))
        async with asyncio.timeout(5):
            await answered.wait()
