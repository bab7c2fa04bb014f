"""What an unverified request may cost: one reading of its body, off the loop where it is large."""

from __future__ import annotations

import asyncio
import json
import threading
from functools import partial
from typing import Any

import httpx
import pytest

from receiver.signatures import (
    PRESETS,
    Request,
    Verified,
    fields as signature_fields,
    signed_request,
)
from receiver.signatures.custom.members import BodyToken
from receiver.web.errors import HTTPError
from receiver.web.verification import LARGE_BYTES, VerificationQueue
from tests.receiver.web.endpoint import Endpoint
from tests.support.requests import NOW, secret_of, unsigned

LOOKS_INSIDE = ("linear", "lever", "dropbox-sign", "zoho-crm", "copper", "msgraph", "msgraph-rich")


@pytest.fixture
def readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the threads that read a body's JSON, one for each reading."""
    found: list[str] = []
    read = signature_fields.json_value

    def counted(text: bytes | str) -> Any:
        found.append(threading.current_thread().name)
        return read(text)

    monkeypatch.setattr(signature_fields, "json_value", counted)
    return found


def filled(name: str, size: int) -> dict[str, Any]:
    """An unsigned request of the vendor's, its body filled up with small objects."""
    request = unsigned(name)
    is_json = request["body"].startswith(b"{")
    body = json.loads(request["body"]) if is_json else {"event": {"event_type": "signed"}}
    return request | {"body": json.dumps(body | {"more": [{}] * (size // 4)}).encode()}


def sent(name: str, size: int, now: float) -> Request:
    """The request as the vendor sends it."""
    return signed_request(
        PRESETS[name], secret=secret_of(name), now=now, delivery_id="id1", **filled(name, size)
    )


async def post(endpoint: Endpoint, name: str, request: Request) -> httpx.Response:
    transport = httpx.ASGITransport(endpoint.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.post(
            f"/webhooks/{name}", content=request.body, headers=dict(request.headers)
        )


@pytest.mark.parametrize("size", [1_000, 500_000], ids=["small", "large"])
@pytest.mark.parametrize("is_right", [True, False], ids=["right", "forged"])
@pytest.mark.parametrize("name", [name for name in LOOKS_INSIDE if name in PRESETS])
async def test_a_body_is_read_once_at_most(
    name: str, is_right: bool, size: int, readings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)
    endpoint = Endpoint()
    endpoint.add(name, secrets=(secret_of(name) if is_right else _another(name),))
    request = sent(name, size, NOW)
    readings.clear()
    answer = await post(endpoint, name, request)
    assert answer.status_code in ((200, 202) if is_right else (401,))
    assert len(readings) <= 1
    if size > LARGE_BYTES:
        assert threading.current_thread().name not in readings


def _another(name: str) -> str:
    return secret_of(name, key=bytes(range(2, 34)), text="another one, long enough too")


async def test_where_the_body_is_signed_it_is_not_read_before_it_is_verified(
    readings: list[str],
) -> None:
    endpoint = Endpoint()
    endpoint.add("linear", secrets=(_another("linear"),))
    request = sent("linear", 500_000, NOW)
    readings.clear()
    assert (await post(endpoint, "linear", request)).status_code == 401
    assert readings == []


async def test_a_small_delivery_waits_for_no_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, threads, at_once = threading.Event(), [], [0, 0]
    verify = BodyToken.verify

    def slowly(self: BodyToken, request: Request, **given: Any) -> Verified:
        threads.append((len(request.body) > LARGE_BYTES, threading.current_thread()))
        if len(request.body) > LARGE_BYTES:
            at_once[0] += 1
            at_once[1] = max(at_once)
            assert gate.wait(30)
            at_once[0] -= 1
        return verify(self, request, **given)

    monkeypatch.setattr(BodyToken, "verify", slowly)
    endpoint = Endpoint()
    endpoint.add("copper", secrets=(secret_of("copper"),))
    large, small = sent("copper", 4 * LARGE_BYTES, NOW), sent("copper", 100, NOW)
    flood = [asyncio.create_task(post(endpoint, "copper", large)) for _ in range(20)]
    while not threads:
        await asyncio.sleep(0.001)
    assert (await post(endpoint, "copper", small)).status_code == 202
    gate.set()
    assert {(await one).status_code for one in flood} == {200, 202}
    assert at_once[1] == 1
    here = threading.current_thread()
    assert all(is_large != (thread is here) for is_large, thread in threads)


async def test_the_sources_take_turns() -> None:
    queue, done, gate = VerificationQueue(), [], threading.Event()

    def work(name: str) -> None:
        assert gate.wait(30)
        done.append(name)

    names = ["a1", "a2", "a3", "a4", "b1", "c1", "b2"]
    running = [asyncio.create_task(queue.run(name[0], partial(work, name))) for name in names]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(*running)
    assert done == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


async def test_who_waits_too_long_is_told_to_come_again_and_the_next_has_its_turn() -> None:
    queue, gate = VerificationQueue(wait_seconds=0.05), threading.Event()
    first = asyncio.create_task(queue.run("a", lambda: gate.wait(30)))
    late = asyncio.create_task(queue.run("a", lambda: True))
    with pytest.raises(HTTPError) as refused:
        await late
    assert (refused.value.status, refused.value.cause) == (503, "too-many-large")
    assert dict(refused.value.headers)["retry-after"] == "5"
    left = asyncio.create_task(queue.run("b", lambda: True))
    await asyncio.sleep(0)
    left.cancel()
    gate.set()
    assert await first
    assert await queue.run("c", lambda: True)
