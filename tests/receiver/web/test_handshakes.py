"""Set-up requests over HTTP: each answered byte for byte as its vendor insists, none stored."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from receiver.signatures import PRESETS, signed_request
from tests.receiver.web.endpoint import Endpoint, MemoryPairing
from tests.support.requests import secret_of

BASE = "https://hooks.example.com"
VECTORS = Path(__file__).parents[2] / "vectors" / "setup" / "handshakes.json"
SECRETS = {
    "zoom": "zm_secret_Token_9fK2",
    "whatsapp": "meatyhamhock",
    "adobe-sign": "CBJCHBCAABAAo6FbDCiO2vL6Zb9mwMe5PhpOPTvNGBvF",
}
PRESET_OF = {
    "slack": "slack-events",
    "front": "front-app",
}
LEARNT = {"asana", "notion"}


def name_of(vector: dict[str, Any]) -> str:
    name = str(vector.get("variant", vector["provider"])).replace("_", "-")
    return PRESET_OF.get(name, name)


def cases() -> list[Any]:
    return [
        pytest.param(vector, id=name_of(vector))
        for vector in json.loads(VECTORS.read_text("utf-8"))
    ]


def asked(vector: dict[str, Any]) -> dict[str, Any]:
    """The request of a vector, with what a vector leaves to the vendor's habit."""
    given = vector["request"] if isinstance(vector["request"], dict) else {}
    name = name_of(vector)
    bodies = {
        "ashby": '{"action":"ping","data":{}}',
        "intercom": '{"type":"notification_event","topic":"ping","id":null}',
        "front-app": '{"type":"sync"}',
        "dropbox-sign": '{"event":{"event_type":"callback_test"}}',
        "salesforce-outbound-message": "<soapenv:Envelope/>",
    }
    types = {"mailchimp-transactional": "application/x-www-form-urlencoded"}
    method = given.get("method", "POST")
    return {
        "method": "POST" if " " in method else method,
        "url": given.get("url", f"{BASE}/webhooks/{name}"),
        "headers": {"Content-Type": types.get(name, "application/json")} | given.get("headers", {}),
        "body": bodies.get(name, str(given.get("body", ""))).encode(),
    }


@pytest.fixture
def pairing() -> MemoryPairing:
    return MemoryPairing()


def with_token(request: dict[str, Any], token: str = MemoryPairing.TOKEN) -> dict[str, Any]:
    """The request to the URL that the operator gave the vendor."""
    joint = "&" if "?" in request["url"] else "?"
    return request | {"url": f"{request['url']}{joint}pair={token}"}


def endpoint_for(
    name: str, pairing: MemoryPairing, secret: str, *, source: str | None = None
) -> Endpoint:
    endpoint = Endpoint(pairing=pairing, public_url=BASE)
    endpoint.add(name, name=source or name, secrets=(secret,), secret_names=("A_SECRET",))
    return endpoint


async def call(endpoint: Endpoint, request: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        return await client.request(
            request["method"],
            request["url"],
            headers=dict(request["headers"]),
            content=request["body"],
        )


def as_the_vendor(name: str, request: dict[str, Any], secret: str) -> dict[str, Any]:
    """The request, signed now."""
    sent = signed_request(PRESETS[name], secret=secret, now=time.time(), **request)
    return {"method": sent.method, "url": sent.url, "headers": sent.headers, "body": sent.body}


@pytest.mark.parametrize("vector", cases())
async def test_it_is_answered_byte_for_byte(vector: dict[str, Any], pairing: MemoryPairing) -> None:
    name, request = name_of(vector), asked(vector)
    source = request["url"].partition("?")[0].rpartition("/")[2].replace("_", "-")
    secret = SECRETS.get(name) or secret_of(name)
    endpoint = endpoint_for(name, pairing, secret, source=source)
    request["url"] = request["url"].replace("_", "-", 1) if "_" in source else request["url"]
    request["url"] = request["url"].replace("adobe_sign", "adobe-sign")
    if name in LEARNT:
        pairing.open(source, "A_SECRET")
        request = with_token(request)
    is_signed = vector["signed"] or name == "salesforce-outbound-message"
    if is_signed and request["method"] == "POST":
        request = as_the_vendor(name, request, secret)
    answer = await call(endpoint, request)
    expected = vector["response"]
    assert answer.status_code == expected["status"]
    assert answer.headers.get("content-type") == expected["content_type"]
    assert answer.content == expected["body"].encode()
    for header, value in expected["headers"].items():
        assert answer.headers[header] == value
    stored = 1 if name == "salesforce-outbound-message" else 0
    assert len(endpoint.inbox.kept) == stored


@pytest.mark.parametrize(
    "name",
    ["slack-events", "zoom", "front-app", "ashby", "greenhouse", "github", "xero", "dropbox-sign"],
)
async def test_a_signed_one_is_refused_without_its_signature(
    name: str, pairing: MemoryPairing
) -> None:
    [vector] = [one for one in json.loads(VECTORS.read_text("utf-8")) if name_of(one) == name]
    request = asked(vector) | {"url": f"{BASE}/webhooks/{name}"}
    endpoint = endpoint_for(name, pairing, secret_of(name))
    for sent in (request, as_the_vendor(name, request, "another secret")):
        answer = await call(endpoint, sent)
        assert answer.status_code == 401
        assert (answer.content == b"") == (name == "xero")
    assert endpoint.inbox.kept == {}


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_look_at_the_url_is_answered_by_every_scheme(
    method: str, pairing: MemoryPairing
) -> None:
    for name in PRESETS:
        endpoint = endpoint_for(name, pairing, secret_of(name))
        request = {"method": method, "url": f"{BASE}/webhooks/{name}", "headers": {}, "body": b""}
        answer = await call(endpoint, request)
        assert answer.status_code == 200
        assert endpoint.inbox.kept == {}


@pytest.mark.parametrize("name", ["whatsapp", "adobe-sign"])
async def test_a_wrong_word_at_the_gate_is_403(name: str, pairing: MemoryPairing) -> None:
    [vector] = [one for one in json.loads(VECTORS.read_text("utf-8")) if name_of(one) == name]
    request = asked(vector) | {"url": asked(vector)["url"].replace("adobe_sign", "adobe-sign")}
    endpoint = endpoint_for(name, pairing, "another word")
    assert (await call(endpoint, request)).status_code == 403
    assert endpoint.causes == [(name, "wrong-token")]


async def test_without_its_secret_a_gate_is_503_and_names_when_to_try_again(
    pairing: MemoryPairing,
) -> None:
    endpoint = endpoint_for("whatsapp", pairing, "")
    url = f"{BASE}/webhooks/whatsapp?hub.mode=subscribe&hub.challenge=1&hub.verify_token=x"
    answer = await call(endpoint, {"method": "GET", "url": url, "headers": {}, "body": b""})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


async def test_a_verify_token_of_its_own_opens_the_gate_and_signs_nothing(
    pairing: MemoryPairing,
) -> None:
    endpoint = endpoint_for("whatsapp", pairing, "app secret")
    source = endpoint.ready("whatsapp")
    endpoint.add("whatsapp", secrets=source.secrets, handshake_secret="meatyhamhock")
    query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token="
    url = f"{BASE}/webhooks/whatsapp?{query}"
    request = {"method": "GET", "url": f"{url}meatyhamhock", "headers": {}, "body": b""}
    assert (await call(endpoint, request)).text == "1"
    assert (await call(endpoint, request | {"url": f"{url}app+secret"})).status_code == 403
    forged = {"method": "POST", "url": url, "headers": {}, "body": b"{}"}
    answer = await call(endpoint, as_the_vendor("whatsapp", forged, "meatyhamhock"))
    assert answer.status_code == 401


HOOK_SECRET = {
    "method": "POST",
    "url": f"{BASE}/webhooks/asana",
    "headers": {"X-Hook-Secret": "b537207f20cbfa02"},
    "body": b"",
}


async def test_a_secret_is_learnt_once_from_who_knows_the_one_time_part(
    pairing: MemoryPairing,
) -> None:
    endpoint = endpoint_for("asana", pairing, "")
    assert (await call(endpoint, with_token(HOOK_SECRET))).status_code == 401
    pairing.open("asana", "A_SECRET")
    for attack in (
        HOOK_SECRET,
        with_token(HOOK_SECRET, "guess"),
        with_token(HOOK_SECRET, "a&pair=b"),
    ):
        assert (await call(endpoint, attack)).status_code == 401
    assert endpoint.causes == [("asana", "no-window")] * 4
    answer = await call(endpoint, with_token(HOOK_SECRET))
    assert (answer.status_code, answer.headers["x-hook-secret"]) == (200, "b537207f20cbfa02")
    attack = with_token(HOOK_SECRET) | {"headers": {"X-Hook-Secret": "planted"}}
    assert (await call(endpoint, attack)).status_code == 401
    assert pairing.learnt == {"A_SECRET": "b537207f20cbfa02"}


@pytest.mark.parametrize("name", ["asana", "notion"])
async def test_later_deliveries_to_the_url_with_the_one_time_part_are_taken(
    pairing: MemoryPairing, name: str
) -> None:
    """The vendor keeps the URL that it was given, so the spent part stays in it."""
    endpoint = endpoint_for(name, pairing, "the vendor's secret")
    request = {"method": "POST", "url": f"{BASE}/webhooks/{name}", "headers": {}, "body": b"{}"}
    sent = as_the_vendor(name, with_token(request), "the vendor's secret")
    assert (await call(endpoint, sent)).status_code in (200, 202)


async def test_what_notion_sends_is_shown_to_the_operator(pairing: MemoryPairing) -> None:
    endpoint = endpoint_for("notion", pairing, "")
    pairing.open("notion", "A_SECRET")
    body = b'{"verification_token":"secret_abc"}'
    request = {"method": "POST", "url": f"{BASE}/webhooks/notion", "headers": {}, "body": body}
    assert (await call(endpoint, request)).status_code == 401
    assert pairing.shown == {}
    assert (await call(endpoint, with_token(request))).status_code == 200
    assert pairing.shown == {"notion": {"verification_token": "secret_abc"}}


async def test_the_test_key_of_mandrill_verifies_a_test_and_nothing_else(
    pairing: MemoryPairing,
) -> None:
    name = "mailchimp-transactional"
    endpoint = endpoint_for(name, pairing, "")
    form = {"content-type": "application/x-www-form-urlencoded"}
    request = {"method": "POST", "url": f"{BASE}/webhooks/{name}", "headers": form}
    empty = as_the_vendor(name, request | {"body": b"mandrill_events=%5B%5D"}, "test-webhook")
    assert (await call(endpoint, empty)).status_code == 200
    full = as_the_vendor(name, request | {"body": b"mandrill_events=%5B1%5D"}, "test-webhook")
    endpoint.add(name, secrets=("the key",))
    assert (await call(endpoint, full)).status_code == 401


async def test_answers_that_vendors_insist_on_hold_for_repeats_too(pairing: MemoryPairing) -> None:
    for name, body in {
        "slack-interactive": b"",
        "dropbox-sign": b"Hello API Event Received",
    }.items():
        endpoint = endpoint_for(name, pairing, secret_of(name))
        content = b'{"event":{"event_type":"sent"},"a":1}'
        request = {"method": "POST", "url": f"{BASE}/webhooks/{name}", "headers": {}}
        sent = as_the_vendor(name, request | {"body": content}, secret_of(name))
        for _ in range(2):
            answer = await call(endpoint, sent)
            assert (answer.status_code, answer.content) == (200, body)
        assert len(endpoint.inbox.kept) == 1


async def test_adobe_hears_its_client_id_with_every_delivery(pairing: MemoryPairing) -> None:
    endpoint = endpoint_for("adobe-sign", pairing, "CLIENT")
    headers = {"X-AdobeSign-ClientId": "CLIENT"}
    url = f"{BASE}/webhooks/adobe-sign"
    answer = await call(endpoint, {"method": "POST", "url": url, "headers": headers, "body": b"{}"})
    assert answer.json() == {"xAdobeSignClientId": "CLIENT"}
    assert answer.headers["x-adobesign-clientid"] == "CLIENT"
    assert "x-adobesign-clientid" not in endpoint.inbox.last.headers


async def test_a_mapping_may_say_what_a_refusal_looks_like(pairing: MemoryPairing) -> None:
    endpoint = endpoint_for("github", pairing, "s")
    endpoint.add("github", secrets=("s",), failure={"body": "no", "content_type": "text/x"})
    request = {"method": "POST", "url": f"{BASE}/webhooks/github", "headers": {}, "body": b"{}"}
    answer = await call(endpoint, request)
    assert (answer.status_code, answer.text) == (401, "no")
    assert answer.headers["content-type"] == "text/x"


SLACK = ["slack-events", "slack-interactive"]


@pytest.mark.parametrize("name", SLACK)
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize(
    "body", [b"ssl_check=1", b"token=Jhj5dZ&ssl_check=1", b"ssl_check=1&token="]
)
async def test_slacks_check_of_the_certificate_is_answered_and_not_stored(
    name: str, content_type: str, body: bytes, pairing: MemoryPairing
) -> None:
    endpoint = endpoint_for(name, pairing, "s")
    headers = {"content-type": content_type}
    request = {"method": "POST", "url": f"{BASE}/webhooks/{name}", "headers": headers, "body": body}
    answer = await call(endpoint, request)
    assert (answer.status_code, answer.content) == (200, b"")
    assert endpoint.inbox.kept == {}
    assert endpoint.rejections == []


@pytest.mark.parametrize("name", [*SLACK, "github"])
@pytest.mark.parametrize(
    "body",
    [
        b"ssl_check=0",
        b"ssl_check=",
        b"ssl_check=1&ssl_check=1",
        b"ssl_check=1&token=a&token=b",
        b"ssl_check=1&payload=%7B%7D",
        b"command=%2Fdeploy&ssl_check=1",
        b'{"ssl_check":"1"}',
        b"token=Jhj5dZ",
        b"",
        b"ssl_check=1&\xff=1",
    ],
)
async def test_what_is_no_more_than_like_it_is_refused_as_unsigned(
    name: str, body: bytes, pairing: MemoryPairing
) -> None:
    endpoint = endpoint_for(name, pairing, "s")
    url = f"{BASE}/webhooks/{name}"
    for sent in (body, b"ssl_check=1") if name == "github" else (body,):
        request = {"method": "POST", "url": url, "headers": {}, "body": sent}
        assert (await call(endpoint, request)).status_code == 401
    assert endpoint.inbox.kept == {}


@pytest.mark.parametrize(
    ("name", "request_"),
    [
        ("wrike", {"headers": {"X-Hook-Secret": '[{"taskId":"I"}]'}}),
        ("wrike", {"headers": {"X-Hook-Secret": ""}}),
        ("braintree", {"url": f"{BASE}/webhooks/braintree?bt_challenge=PG5vdGlmaWNhdGlvbi8"}),
        ("braintree", {"url": f"{BASE}/webhooks/braintree?bt_challenge=abc"}),
    ],
    ids=["a-body", "nothing", "a-payload", "too-short"],
)
async def test_no_set_up_request_gets_something_signed_that_could_be_a_delivery(
    name: str, request_: dict[str, Any], pairing: MemoryPairing
) -> None:
    [vector] = [one for one in json.loads(VECTORS.read_text("utf-8")) if name_of(one) == name]
    request = asked(vector)
    request |= request_ | {"headers": request["headers"] | request_.get("headers", {})}
    endpoint = endpoint_for(name, pairing, secret_of(name))
    answer = await call(endpoint, request)
    assert "x-hook-secret" not in answer.headers
    assert b"|" not in answer.content
    assert endpoint.inbox.kept == {}
