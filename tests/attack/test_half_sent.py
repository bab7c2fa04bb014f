"""Requests that are cut, framed two ways or not framed at all: 400 and nothing kept, or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from receiver.web import body as body_reading, connections
from tests.attack.wire import connected, is_cut_off, send
from tests.receiver.web.endpoint import Endpoint, head, read_answer, served, signed
from tests.support.memory import MIB, needs_proc, peak_bytes

BODY = b'{"action": "submitted"}'
PATH = "/webhooks/github"
#: A second request, inside what a careless reader takes for the body of the first.
SMUGGLED = head("POST", PATH, signed(b"{}") | {"Content-Length": "2"}) + b"{}"


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(body_seconds=0.5)


@pytest.fixture
async def port(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(connections, "LINGER_SECONDS", 0.3)
    monkeypatch.setattr(body_reading, "DRAIN_SECONDS", 0.3)
    async with served(endpoint.app) as port:
        yield port


def with_lines(*lines: str) -> bytes:
    """A signed request's head with these lines on top."""
    return head("POST", PATH, signed(BODY)).replace(
        b"\r\n\r\n", "".join(f"\r\n{line}" for line in lines).encode() + b"\r\n\r\n"
    )


CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(BODY)}"
WHOLE = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
MISFRAMED = {
    "length and chunks": with_lines(LENGTH, CHUNKED) + WHOLE,
    "chunks and length": with_lines(CHUNKED, LENGTH) + WHOLE,
    "length of the smuggled one": with_lines(f"Content-Length: {len(SMUGGLED)}", CHUNKED)
    + b"0\r\n\r\n"
    + SMUGGLED,
    "two lengths": with_lines(LENGTH, "Content-Length: 2") + BODY,
    "a blank before the colon": with_lines("Transfer-Encoding : chunked") + WHOLE,
    "an unknown coding on top": with_lines("Transfer-Encoding: chunked, x") + WHOLE,
    "a length with a sign": with_lines(f"Content-Length: +{len(BODY)}") + BODY,
    "a length in hex": with_lines(f"Content-Length: 0x{len(BODY):x}") + BODY,
    "a chunk's size that is none": with_lines(CHUNKED) + b"zz\r\n" + BODY,
    "a negative size": with_lines(CHUNKED) + b"-1\r\n" + BODY,
    "a size beyond 64 bits": with_lines(CHUNKED) + b"f" * 17 + b"\r\n" + BODY,
    "no line break behind a chunk": with_lines(CHUNKED) + b"1\r\n" + BODY,
    "a NUL in a header": with_lines("X-A: a\0b", LENGTH) + BODY,
    "a folded header": with_lines("X-A: a", " b", LENGTH + "\n") + BODY,
    "no version": b"POST /webhooks/github HTTP/x\r\n\r\n",
    "another protocol": b"SSH-2.0-x\r\n\r\n",
    "TLS": bytes.fromhex("16030100c8010000c40303") + bytes(200),
}


@pytest.mark.parametrize("sent", MISFRAMED.values(), ids=MISFRAMED)
async def test_what_can_be_read_two_ways_is_refused_in_our_form_and_closed(
    endpoint: Endpoint, port: int, sent: bytes
) -> None:
    async with connected(port) as [(reader, writer)]:
        await send(writer, sent)
        said = await is_cut_off(reader, within=3)
    assert said.startswith(b"HTTP/1.1 400 ")
    assert b'\r\n\r\n{"error": "bad-request", "detail": ' in said
    assert b"HTTP/1.1 2" not in said
    assert endpoint.inbox.kept == {}


@pytest.mark.parametrize("cut", range(0, len(WHOLE), 4))
async def test_a_sender_that_leaves_anywhere_leaves_nothing(
    endpoint: Endpoint, port: int, cut: int
) -> None:
    async with connected(port) as [(_, writer)]:
        await send(writer, with_lines(CHUNKED) + WHOLE[:cut])
        await asyncio.sleep(0.05)
    await asyncio.sleep(0.05)
    assert endpoint.inbox.kept == {}
    assert endpoint.budget.held_bytes == 0
    assert endpoint.causes == [("github", "disconnected")]


async def test_a_trailer_is_no_header(endpoint: Endpoint, port: int) -> None:
    """No proxy has looked at it, and what it signs with was not there when the body began."""
    trailed = WHOLE[:-2] + b"X-Late: 1\r\nX-Forwarded-For: 6.6.6.6\r\n\r\n"
    async with connected(port) as [(reader, writer)]:
        await send(writer, with_lines(CHUNKED) + trailed)
        assert (await read_answer(reader)).status == 202
        unsigned = head("POST", PATH, {"Transfer-Encoding": "chunked"}) + WHOLE[:-2]
        late = "".join(f"{name}: {value}\r\n" for name, value in signed(BODY).items())
        await send(writer, unsigned + late.encode() + b"\r\n")
        assert (await read_answer(reader)).status == 401
    assert not {"x-late", "x-forwarded-for"} & endpoint.inbox.last.headers.keys()


ENDLESS = {
    "a request line": (b"POST /", b"a"),
    "one header": (b"POST / HTTP/1.1\r\nX-A: ", b"a"),
    "headers": (b"POST / HTTP/1.1\r\n", b"X-A: b\r\n"),
    "a trailer": (with_lines(CHUNKED) + WHOLE[:-2] + b"X-A: ", b"a"),
    "trailers": (with_lines(CHUNKED) + WHOLE[:-2], b"X-A: b\r\n"),
    "a chunk's extension": (with_lines(CHUNKED) + b"1;a=", b"a"),
}


@needs_proc
@pytest.mark.parametrize(("begin", "more"), ENDLESS.values(), ids=ENDLESS)
async def test_what_has_no_end_is_cut_off_before_it_takes_memory(
    endpoint: Endpoint, port: int, begin: bytes, more: bytes
) -> None:
    before = peak_bytes()
    piece = more * (64 * 1024 // len(more))
    async with connected(port) as [(reader, writer)]:
        await send(writer, begin)
        for _ in range(1024):
            await send(writer, piece)
            await asyncio.sleep(0)
            if writer.transport.is_closing() or reader.at_eof():
                break
        else:
            pytest.fail("took 64 MiB")
    assert peak_bytes() - before < 16 * MIB
    assert endpoint.inbox.kept == {}


async def test_headers_have_a_greatest_number(port: int) -> None:
    async with connected(port) as [(reader, writer)]:
        await send(writer, b"GET / HTTP/1.1\r\n" + b"a:\r\n" * 201 + b"\r\n")
        assert b'"too-many-headers"' in await is_cut_off(reader, within=2)


async def test_requests_that_do_not_wait_for_answers_have_a_greatest_number(
    endpoint: Endpoint, port: int
) -> None:
    endpoint.inbox.pause = 0.2
    whole = head("POST", PATH, signed(BODY) | {"Content-Length": str(len(BODY))}) + BODY
    async with connected(port) as [(reader, writer)]:
        await send(writer, whole + head("GET", PATH, {}) * 3)
        assert (await read_answer(reader)).status == 202
        assert [(await read_answer(reader)).status for _ in range(3)] == [200] * 3
        await send(writer, whole + head("GET", PATH, {}) * 500)
        assert b'"too-many-requests"' in await is_cut_off(reader, within=2)
