"""What a vendor is answered over HTTP: what its documentation asks for, for a repeat too."""

from __future__ import annotations

import time

import httpx
import pytest

from receiver.signatures import PRESETS, signed_request
from tests.receiver.web.endpoint import Endpoint
from tests.support.requests import secret_of, unsigned
from tests.support.sources_page import vendors

BASE = "https://hooks.example.com"


async def answers(name: str, *, count: int = 2) -> list[httpx.Response]:
    """The answers to a delivery that is sent several times."""
    secret = secret_of(name)
    endpoint = Endpoint(public_url=BASE)
    endpoint.add(name, name=name, secrets=(secret,))
    request = unsigned(name, url=f"{BASE}/webhooks/{name}")
    sent = signed_request(PRESETS[name], secret=secret, now=time.time(), **request)
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        return [
            await client.post(sent.url, headers=dict(sent.headers), content=sent.body)
            for _ in range(count)
        ]


@pytest.mark.parametrize("name", PRESETS)
async def test_a_delivery_and_its_repeat_are_answered_as_the_documentation_asks(name: str) -> None:
    asked = vendors()[name]["answer"].removesuffix(" (?)")
    statuses = asked.partition(",")[0].split(" or ")
    first, again = await answers(name)
    for answer in (first, again):
        assert answer.is_success
        if statuses[0].isdigit():
            assert str(answer.status_code) in statuses
        if "empty body" in asked:
            assert answer.content == b""
    if "its own body" in asked:
        assert first.content == again.content != b""


@pytest.mark.parametrize("name", ["linear", "paddle", "zoom"])
async def test_where_only_the_status_is_the_vendors_the_delivery_is_named(name: str) -> None:
    first, again = await answers(name)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {"status": "accepted", "delivery": "d1"}
    assert again.json() == {"status": "duplicate", "delivery": "d1"}
