"""Every preset over HTTP: what its vendor signs is taken, and tampered it is not; path tokens."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from receiver.signatures import PRESETS
from tests.receiver.web.endpoint import MemoryPairing
from tests.receiver.web.test_handshakes import (
    BASE,
    as_the_vendor,
    call,
    endpoint_for,
    pairing as pairing,  # noqa: PLC0414
)
from tests.support.requests import secret_of, unsigned

PATH_TOKEN = "an-unguessable-part"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"crm/{PATH_TOKEN}", 202),
        (f"crm?token={PATH_TOKEN}", 202),
        ("crm", 401),
        ("crm/", 401),
        ("crm/guess", 401),
        ("crm?token=", 401),
        (f"crm/{PATH_TOKEN}?token=guess", 401),
        (f"crm/{PATH_TOKEN}/more", 401),
        (f"github/{PATH_TOKEN}", 404),
    ],
)
async def test_a_token_in_the_url(pairing: MemoryPairing, path: str, status: int) -> None:
    endpoint = endpoint_for("path-token", pairing, PATH_TOKEN, source="crm")
    url = f"{BASE}/webhooks/{path}"
    answer = await call(endpoint, {"method": "POST", "url": url, "headers": {}, "body": b"{}"})
    assert answer.status_code == status


async def test_the_name_of_a_source_is_no_token(pairing: MemoryPairing) -> None:
    name = "salesforce-outbound-message"
    endpoint = endpoint_for(name, pairing, name)
    url = f"{BASE}/webhooks/{name}"
    answer = await call(endpoint, {"method": "POST", "url": url, "headers": {}, "body": b"{}"})
    assert answer.status_code == 401


def answered_with(name: str) -> int:
    scheme = PRESETS[name]
    return scheme.success.status if scheme.success else 200 if scheme.echo else 202


@pytest.mark.parametrize("name", PRESETS)
async def test_what_each_vendor_signs_is_taken_over_http_and_tampered_it_is_not(
    name: str, pairing: MemoryPairing
) -> None:
    secret = secret_of(name)
    endpoint = endpoint_for(name, pairing, secret)
    sent = as_the_vendor(name, unsigned(name, url=f"{BASE}/webhooks/{name}"), secret)
    assert (await call(endpoint, sent)).status_code == answered_with(name)
    assert len(endpoint.inbox.kept) == 1
    assert secret not in str(endpoint.inbox.last.headers)
    if PRESETS[name].protects_body:
        body = sent["body"][:-1] + bytes([sent["body"][-1] ^ 1])
        assert (await call(endpoint, sent | {"body": body})).status_code == 401


@pytest.mark.parametrize(
    "secret",
    ["b64/with+slash/and==", "per%cent-and%41-escapes", "quest?ion=mark&more", "schlüssel-北京-1"],
)
async def test_a_token_of_any_characters_reaches_its_verifier(
    secret: str, pairing: MemoryPairing
) -> None:
    endpoint = endpoint_for("path-token", pairing, secret, source="crm")
    for tail in (quote(secret, safe=""), secret, f"{quote(secret, safe='')}/"):
        url = f"{BASE}/webhooks/crm/{tail}"
        answer = await call(endpoint, {"method": "POST", "url": url, "headers": {}, "body": b"{}"})
        assert answer.status_code in (200, 202), tail
        wrong = {"method": "POST", "url": f"{url}-no", "headers": {}, "body": b"{}"}
        assert (await call(endpoint, wrong)).status_code == 401
    assert endpoint.causes == [("crm", "wrong-token")] * 3
