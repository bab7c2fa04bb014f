"""What a sender sees on a real connection: refusals arrive, half a request leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest

from receiver.web import body as body_reading
from tests.receiver.web.endpoint import LIMIT, Endpoint, head, read_answer, served, signed

BODY = b'{"action": "submitted"}'
MIB = 1024 * 1024
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint(body_seconds=0.5)


@pytest.fixture
async def port(endpoint: Endpoint) -> AsyncIterator[int]:
    async with served(endpoint.app) as port:
        yield port


@pytest.fixture
async def streams(port: int) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()


def chunked(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def send_until_cut_off(writer: asyncio.StreamWriter, piece: bytes) -> int:
    """Send a piece again and again until the server has had enough; the bytes sent."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 64 * MIB:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
            sent += len(piece)
    return sent


async def test_a_delivery_is_taken_and_the_connection_kept(streams: Streams) -> None:
    reader, writer = streams
    for expected in (202, 200):
        headers = signed(BODY, delivery_id="1") | {"Content-Length": str(len(BODY))}
        writer.write(head("POST", "/webhooks/github", headers) + BODY)
        answer = await read_answer(reader)
        assert answer.status == expected
        assert "connection" not in answer.headers


async def test_a_declared_excess_is_refused_before_it_is_sent_and_seen_by_who_sends_it_all(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Content-Length": str(2 * MIB)}))
    answer = await read_answer(reader)
    assert answer.status == 413
    assert answer.headers["connection"] == "close"
    writer.write(b"x" * 2 * MIB)
    await writer.drain()
    assert await reader.read() == b""
    assert endpoint.causes == [("github", "body-too-large")]


async def test_a_sender_that_reads_only_when_it_has_sent_all_sees_the_refusal(
    streams: Streams,
) -> None:
    reader, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Transfer-Encoding": "chunked"}))
    for _ in range(2 * MIB // 65_536):
        writer.write(chunked(b"x" * 65_536))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()
    assert (await read_answer(reader)).status == 413


async def test_a_sender_without_end_is_cut_off_by_bytes(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_reading, "DRAIN_BYTES", MIB)
    _, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Transfer-Encoding": "chunked"}))
    sent = await send_until_cut_off(writer, chunked(b"x" * 65_536))
    assert sent < 32 * MIB  # what the sockets' buffers hold comes on top


async def test_a_sender_without_end_is_cut_off_by_time(
    streams: Streams, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_reading, "DRAIN_SECONDS", 1.0)
    reader, writer = streams
    began = time.monotonic()
    writer.write(head("POST", "/webhooks/github", {"Content-Length": str(2 * MIB)}))
    assert (await read_answer(reader)).status == 413
    assert time.monotonic() - began < 0.9, "the answer did not wait for the drain"
    assert await reader.read() == b""
    assert 0.9 < time.monotonic() - began < 4


async def test_who_asks_before_sending_is_told_before_sending(streams: Streams) -> None:
    reader, writer = streams
    headers = {"Content-Length": str(2 * MIB), "Expect": "100-continue"}
    writer.write(head("POST", "/webhooks/github", headers))
    assert (await read_answer(reader)).status == 413


async def test_who_asks_before_sending_what_fits_is_asked_for_it(streams: Streams) -> None:
    reader, writer = streams
    headers = signed(BODY) | {"Content-Length": str(len(BODY)), "Expect": "100-continue"}
    writer.write(head("POST", "/webhooks/github", headers))
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    writer.write(BODY)
    assert (await read_answer(reader)).status == 202


async def test_a_length_that_lies_upwards_is_not_believed_to_be_whole(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    headers = signed(BODY) | {"Content-Length": str(len(BODY) + 1)}
    writer.write(head("POST", "/webhooks/github", headers) + BODY)
    assert (await read_answer(reader)).status == 408
    assert endpoint.inbox.kept == {}
    assert endpoint.causes == [("github", "too-slow")]


async def test_a_length_that_lies_downwards_cuts_the_body_and_its_signature(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    headers = signed(BODY) | {"Content-Length": str(len(BODY) - 1)}
    writer.write(head("POST", "/webhooks/github", headers) + BODY)
    # 400 for the byte too many overtakes 401 where both come in one packet.
    assert (await reader.readline()).split()[1] in (b"400", b"401")
    assert endpoint.inbox.kept == {}


@pytest.mark.parametrize("length", ["-1", "abc", "1, 2", "9" * 30])
async def test_a_length_that_is_none_is_refused(
    endpoint: Endpoint, streams: Streams, length: str
) -> None:
    reader, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Content-Length": length}) + BODY)
    assert b" 400 " in await reader.readline()
    assert endpoint.inbox.kept == {}


async def test_a_declared_length_that_no_database_holds_is_told_as_far_as_one_does(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Content-Length": str(2**64 - 1)}))
    assert (await read_answer(reader)).status == 413
    assert [one.body_bytes for one in endpoint.rejections] == [2**63 - 1]


async def test_a_sender_that_leaves_half_way_leaves_nothing(
    endpoint: Endpoint, streams: Streams
) -> None:
    _, writer = streams
    headers = signed(BODY) | {"Content-Length": str(len(BODY))}
    writer.write(head("POST", "/webhooks/github", headers) + BODY[:5])
    await writer.drain()
    await asyncio.sleep(0.1)
    writer.close()
    await asyncio.sleep(0.2)
    assert endpoint.inbox.kept == {}
    assert endpoint.causes == [("github", "disconnected")]


async def test_a_body_in_drops_is_whole_when_it_comes_in_time(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    headers = signed(BODY) | {"Transfer-Encoding": "chunked"}
    writer.write(head("POST", "/webhooks/github", headers))
    for byte in BODY:
        writer.write(chunked(bytes([byte])))
        await asyncio.sleep(0.001)
    writer.write(b"0\r\n\r\n")
    assert (await read_answer(reader)).status == 202
    assert endpoint.inbox.last.body == BODY


async def test_a_body_that_takes_too_long_is_given_up(streams: Streams) -> None:
    reader, writer = streams
    writer.write(head("POST", "/webhooks/github", {"Content-Length": str(LIMIT)}) + b"x")
    answer = await read_answer(reader)
    assert answer.status == 408
    assert answer.body["error"] == "too-slow"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_vendor_that_only_looks_is_answered(streams: Streams, method: str) -> None:
    reader, writer = streams
    for _ in range(2):
        writer.write(head(method, "/webhooks/github", {}))
        assert b" 200 " in await reader.readline()
        await reader.readuntil(b"\r\n\r\n")
        if method == "GET":
            assert await reader.readexactly(15) == b'{"status":"ok"}'


async def test_headers_have_a_bound(streams: Streams) -> None:
    _, writer = streams
    writer.write(b"POST /webhooks/github HTTP/1.1\r\nHost: x\r\nX-Endless: ")
    assert await send_until_cut_off(writer, b"x" * 65_536) < 32 * MIB


async def test_a_repeated_header_on_the_wire_is_one_value(
    endpoint: Endpoint, streams: Streams
) -> None:
    reader, writer = streams
    request = head("POST", "/webhooks/github", signed(BODY) | {"Content-Length": str(len(BODY))})
    writer.write(request.replace(b"\r\n\r\n", b"\r\nX-A: 1\r\nx-a: 2\r\n\r\n") + BODY)
    assert (await read_answer(reader)).status == 202
    assert endpoint.inbox.last.headers["x-a"] == "1, 2"


async def test_requests_under_way_are_answered_when_the_server_stops(endpoint: Endpoint) -> None:
    endpoint.inbox.pause = 0.3
    async with served(endpoint.app) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        headers = signed(BODY) | {"Content-Length": str(len(BODY))}
        writer.write(head("POST", "/webhooks/github", headers) + BODY)
        await asyncio.sleep(0.1)
        answering = asyncio.create_task(read_answer(reader))
    assert (await answering).status == 202
    assert len(endpoint.inbox.kept) == 1
    writer.close()
