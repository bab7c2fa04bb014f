"""Which headers decide what was called, and from where: those of a configured proxy alone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
import uvicorn

from receiver.web.connections import BoundedHttp
from receiver.web.server import Server
from tests.attack.wire import connected, send
from tests.receiver.web.endpoint import Endpoint, head, read_answer, signed

BODY = b"{}"
PATH = "/webhooks/hubspot-v3"
VENDOR = "https://hooks.example.com"
FORWARDED = {
    "x-forwarded-proto": {"X-Forwarded-Proto": "https"},
    "x-forwarded-host": {"X-Forwarded-Host": "hooks.example.com", "Host": "elsewhere"},
    "forwarded": {"Forwarded": "for=6.6.6.6;host=hooks.example.com;proto=https"},
    "x-forwarded-ssl": {"X-Forwarded-Ssl": "on", "X-Forwarded-Scheme": "https"},
    "x-original-url": {"X-Original-URL": PATH, "X-Rewrite-URL": PATH},
    "x-forwarded-prefix": {"X-Forwarded-Prefix": "/", "X-Script-Name": "/"},
}


@contextlib.asynccontextmanager
async def behind(endpoint: Endpoint, trusted: list[str]) -> AsyncIterator[int]:
    """The endpoint as `serve` runs it with these proxies."""
    config = uvicorn.Config(
        endpoint.app,
        port=0,
        http=BoundedHttp,
        log_config=None,
        lifespan="off",
        access_log=False,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
    )
    server = Server(config, None)
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await task


async def ask(port: int, forwarded: dict[str, str]) -> int:
    headers = {"Host": "hooks.example.com"}
    headers |= signed(BODY, scheme="hubspot-v3", url=VENDOR + PATH) | forwarded
    headers |= {"Content-Length": "2"}
    request = head("POST", PATH, headers).replace(b"Host: testserver\r\n", b"", 1) + BODY
    async with connected(port) as [(reader, writer)]:
        await send(writer, request)
        return (await read_answer(reader)).status


@pytest.mark.parametrize("forwarded", FORWARDED.values(), ids=FORWARDED)
async def test_only_a_proxy_decides_what_was_called(forwarded: dict[str, str]) -> None:
    endpoint = Endpoint()
    async with behind(endpoint, []) as port:
        assert await ask(port, forwarded) == 401
    assert endpoint.causes == [("hubspot-v3", "wrong-signature")]


@pytest.mark.parametrize(
    ("name", "status"), [(name, 202 if name == "x-forwarded-proto" else 401) for name in FORWARDED]
)
async def test_a_proxy_is_believed_its_scheme_and_nothing_more(name: str, status: int) -> None:
    async with behind(Endpoint(), ["127.0.0.1"]) as port:
        assert await ask(port, FORWARDED[name]) == status


async def test_where_the_public_url_is_set_no_header_is_asked() -> None:
    endpoint = Endpoint(public_url=VENDOR)
    async with behind(endpoint, []) as port:
        for forwarded in FORWARDED.values():
            assert await ask(port, forwarded | {"Host": "elsewhere"}) in (200, 202)


@pytest.mark.parametrize(
    ("trusted", "forwarded", "remote"),
    [
        ([], "6.6.6.6", "127.0.0.1"),
        (["10.0.0.0/8"], "6.6.6.6", "127.0.0.1"),
        (["127.0.0.1"], "6.6.6.6", "6.6.6.6"),
        (["127.0.0.1"], "6.6.6.6, 8.8.8.8", "8.8.8.8"),
        (["127.0.0.1"], "6.6.6.6, 127.0.0.1", "6.6.6.6"),
        (["127.0.0.1"], "<script>alert(1)</script>", "unreadable"),
        (["127.0.0.1"], "a [31m b", "unreadable"),
    ],
)
async def test_the_address_is_that_of_the_last_untrusted_hop(
    trusted: list[str], forwarded: str, remote: str
) -> None:
    endpoint = Endpoint()
    async with behind(endpoint, trusted) as port:
        assert await ask(port, {"X-Forwarded-For": forwarded}) == 401
    assert [one.remote for one in endpoint.rejections] == [remote]
