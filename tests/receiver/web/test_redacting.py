"""Redaction before storage: what is kept, what the sender hears, what stays the same."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import Any

import httpx
import pytest

from mappings.engine.redact.paths import parse_path
from mappings.engine.redact.redactor import Redactor
from tests.receiver.web.endpoint import SECRET, WHSEC, Endpoint, signed

PLANTED = "ada@example.com"
BODY = json.dumps({"id": 12345678901234567890, "contact": {"email": PLANTED}, "x": 1.10}).encode()
LEFT = BODY.replace(b'{"email": "ada@example.com"}', b'"[redacted]"')


def redactor(*paths: str) -> Redactor:
    return Redactor(tuple(parse_path(path) for path in paths))


@pytest.fixture
def endpoint() -> Endpoint:
    made = Endpoint()
    made.add("github", secrets=(SECRET,), redactor=redactor("payload.contact", "headers.x-user"))
    return made


async def post(
    endpoint: Endpoint, body: bytes = BODY, headers: dict[str, str] | None = None
) -> httpx.Response:
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        given = {"content-type": "application/json", **signed(body), **(headers or {})}
        return await client.post("/webhooks/github", content=body, headers=given)


async def test_the_values_are_gone_before_anything_is_stored(endpoint: Endpoint) -> None:
    assert (await post(endpoint, headers={"x-user": PLANTED})).status_code == 202
    kept = endpoint.inbox.last
    assert (kept.body, kept.headers["x-user"], kept.redacted) == (LEFT, "[redacted]", 2)
    assert PLANTED not in repr(asdict(kept))


async def test_hash_and_identity_are_those_of_the_bytes_as_they_came(endpoint: Endpoint) -> None:
    headers = signed(BODY, delivery_id="guid-1")
    await post(endpoint, headers=headers)
    redacting = endpoint.inbox.last
    endpoint.add("github", secrets=(SECRET,))
    assert (await post(endpoint, headers=headers)).json()["status"] == "duplicate"
    assert redacting.body_sha256 == hashlib.sha256(BODY).hexdigest()
    assert redacting.dedupe_key == f"id+body:guid-1:{redacting.body_sha256}"


async def test_the_signature_is_checked_over_the_bytes_as_they_came(endpoint: Endpoint) -> None:
    answer = await post(endpoint, LEFT, headers=signed(BODY))
    assert answer.status_code == 401
    assert endpoint.inbox.kept == {}


async def test_a_source_without_redact_keeps_the_bytes_as_they_came() -> None:
    endpoint = Endpoint()
    await post(endpoint)
    assert (endpoint.inbox.last.body, endpoint.inbox.last.redacted) == (BODY, 0)


@pytest.mark.parametrize("body", [b"<a>ada@example.com</a>", b'{"contact": "ada@example.com"'])
async def test_what_cannot_be_redacted_for_certain_is_not_stored_and_asked_for_again(
    endpoint: Endpoint, body: bytes
) -> None:
    answer = await post(endpoint, body)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")
    assert answer.json()["error"] == "not-ready"
    assert endpoint.inbox.kept == {}
    (rejection,) = endpoint.rejections
    assert (rejection.source, rejection.cause) == ("github", "not-redactable")
    assert rejection.detail.startswith("its values must be redacted, and it is ")
    assert PLANTED not in repr(rejection) + answer.text


async def test_without_signature_nothing_is_said_of_the_body(endpoint: Endpoint) -> None:
    answer = await post(endpoint, body=b"<a/>", headers=signed(b"another body"))
    assert answer.status_code == 401
    assert endpoint.causes == [("github", "wrong-signature")]


async def test_a_delivery_id_that_is_redacted_is_refused_where_it_would_be_stored(
    endpoint: Endpoint,
) -> None:
    """Some vendors' ids stand in the body; stored as the id, the value would not be gone."""
    endpoint.add("github", secrets=(SECRET,), redactor=redactor("headers.x-github-delivery"))
    answer = await post(endpoint, headers=signed(BODY, delivery_id="ada@example.com"))
    assert answer.status_code == 503
    assert "the vendor's delivery id" in endpoint.rejections[-1].detail


async def test_a_large_body_is_redacted_as_a_small_one_is(endpoint: Endpoint) -> None:
    body = json.dumps({"contact": [PLANTED] * 10_000, "id": 1}).encode()
    assert (await post(endpoint, body)).status_code == 202
    assert endpoint.inbox.last.body == b'{"contact": "[redacted]", "id": 1}'


async def test_a_handshake_needs_no_redaction() -> None:
    """A set-up request stores nothing."""
    endpoint = Endpoint()
    endpoint.add("slack-events", secrets=(WHSEC,), redactor=redactor("payload.challenge"))
    body = b'{"type": "url_verification", "challenge": "c-1"}'
    headers: dict[str, Any] = signed(
        body, scheme="slack-events", secret=WHSEC, url="http://testserver/webhooks/slack-events"
    )
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        answer = await client.post("/webhooks/slack-events", content=body, headers=headers)
    assert "c-1" in answer.text
    assert endpoint.inbox.kept == {}
