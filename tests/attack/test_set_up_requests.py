"""Set-up requests repeat what a stranger sent: as plain text or JSON, never as a page."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from receiver.signatures import PRESETS, Handshake
from receiver.signatures.fields import Field
from receiver.signatures.handshakes import Echo
from receiver.web import handshakes as handshaking
from tests.receiver.web.endpoint import Endpoint

VERIFIED = SimpleNamespace(secret_index=0)
SCRIPT = '<script>alert("1")</script>'
ECHOES = [
    pytest.param(name, one, id=f"{name}-{one.name}")
    for name, scheme in sorted(PRESETS.items())
    for one in scheme.handshakes
    if isinstance(one.reply, Echo)
]


def put(request: dict[str, Any], field: Field, text: str) -> None:
    """Let the request say this at that place."""
    if field.place == "body":
        holder = request["json"]
        *path, last = field.name.split(".")
        for step in path:
            holder = holder.setdefault(step, {})
        holder[last] = text
    else:
        place = {"header": "headers", "query": "params", "form": "data"}[field.place]
        request[place][field.name] = text


def set_up_request(handshake: Handshake, secret: str) -> dict[str, Any]:
    request: dict[str, Any] = {"headers": {}, "params": {}, "json": {}, "data": {}}
    for ask in handshake.asks:
        if not ask.absent:
            put(request, ask.field, ask.text or "x")
    if handshake.gate is not None:
        put(request, handshake.gate, secret)
    assert isinstance(handshake.reply, Echo)
    if handshake.gate != handshake.reply.field:
        put(request, handshake.reply.field, SCRIPT)
    kept = {name: value for name, value in request.items() if value}
    return {"method": handshake.method, "url": "/webhooks/x", **kept}


def test_there_are_echoes() -> None:
    assert len(ECHOES) > 5


@pytest.mark.parametrize(("name", "handshake"), ECHOES)
async def test_a_script_that_is_echoed_is_no_page(
    name: str, handshake: Handshake, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = Endpoint()
    endpoint.add(name, name="x", secrets=("a secret of text",))
    # As if signed: what is repeated to a vendor's own request is looked at here.
    monkeypatch.setattr("receiver.sources.registry.ReadySource.verify", lambda *_a, **_k: VERIFIED)
    monkeypatch.setattr(handshaking.Handshakes, "_learn", learn_nothing)
    transport = httpx.ASGITransport(endpoint.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.request(**set_up_request(handshake, "a secret of text"))
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    kind = answer.headers.get("content-type", "").partition(";")[0]
    assert kind in ("text/plain", "application/json") or answer.content == b""
    if kind == "application/json":
        json.loads(answer.content)
    assert endpoint.inbox.kept == {}


async def learn_nothing(*_: object, **__: object) -> None:
    """No window is open here."""


async def test_a_flood_of_set_up_requests_is_one_line_a_second() -> None:
    endpoint = Endpoint()
    endpoint.add("whatsapp", name="x", secrets=("word",))
    query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token=word"
    transport = httpx.ASGITransport(endpoint.app)
    with capture_logs() as logs:
        async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
            for _ in range(50):
                assert (await client.get(f"/webhooks/x?{query}")).status_code == 200
    assert 1 <= len([one for one in logs if one["event"] == "webhook.handshake"]) <= 5
