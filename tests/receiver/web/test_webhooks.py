"""The endpoint's decisions, in their order, and what each tells the sender and the operator."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from typing import Any

import httpx
import pytest

from receiver.signatures import signed_request
from tests.receiver.web.endpoint import LIMIT, SECRET, WHSEC, Endpoint, signed

BODY = b'{"action": "submitted"}'


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


async def call(
    endpoint: Endpoint, method: str = "POST", path: str = "/webhooks/github", **request: Any
) -> httpx.Response:
    transport = httpx.ASGITransport(endpoint.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.request(method, path, **request)


async def test_a_signed_delivery_is_stored_and_acknowledged(endpoint: Endpoint) -> None:
    answer = await call(endpoint, content=BODY, headers=signed(BODY, delivery_id="guid-1"))
    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "delivery": "d1"}
    assert answer.headers["content-type"] == "application/json"
    kept = endpoint.inbox.last
    assert kept.source == "github"
    assert kept.body == BODY
    assert kept.body_sha256 == hashlib.sha256(BODY).hexdigest()
    assert kept.dedupe_key == f"id+body:guid-1:{kept.body_sha256}"
    assert (kept.vendor_id, kept.id_signed) == ("guid-1", False)
    assert endpoint.rejections == []


async def test_a_repeat_is_answered_with_the_id_of_the_first(endpoint: Endpoint) -> None:
    headers = signed(BODY, delivery_id="guid-1")
    await call(endpoint, content=BODY, headers=headers)
    answer = await call(endpoint, content=BODY, headers=headers)
    assert answer.status_code == 200
    assert answer.json() == {"status": "duplicate", "delivery": "d1"}
    assert len(endpoint.inbox.kept) == 1


@pytest.mark.parametrize("scheme", ["github", "hubspot-v3", "standard-webhooks", "zendesk"])
async def test_each_preset_is_taken(endpoint: Endpoint, scheme: str) -> None:
    secret = WHSEC if scheme == "standard-webhooks" else SECRET
    url = f"http://testserver/webhooks/{scheme}?a=%3A&b="
    headers = signed(BODY, scheme=scheme, url=url, secret=secret)
    answer = await call(
        endpoint, path=f"/webhooks/{scheme}?a=%3A&b=", content=BODY, headers=headers
    )
    assert answer.status_code == 202


@pytest.mark.parametrize(
    "body", [b"", b"not json", b"\xff\x00\xfe", b"<xml/>", b"[" * 10_000], ids=repr
)
async def test_a_body_is_never_parsed(endpoint: Endpoint, body: bytes) -> None:
    answer = await call(endpoint, content=body, headers=signed(body))
    assert answer.status_code == 202
    assert endpoint.inbox.last.body == body


SIGNATURE = "X-Zendesk-Webhook-Signature"


@pytest.mark.parametrize(
    ("cause", "scheme", "age", "changes"),
    [
        ("wrong-signature", "zendesk", 0, {SIGNATURE: "AAAA"}),
        ("missing-signature", "zendesk", 0, {SIGNATURE: None}),
        ("missing-timestamp", "zendesk", 0, {f"{SIGNATURE}-Timestamp": None}),
        ("malformed-timestamp", "zendesk", 0, {f"{SIGNATURE}-Timestamp": "soon"}),
        ("stale-timestamp", "zendesk", 310, {}),
        ("future-timestamp", "zendesk", -310, {}),
        ("malformed-signature", "github", 0, {"X-Hub-Signature-256": "sha1=00"}),
        ("missing-header", "standard-webhooks", 0, {"webhook-id": None}),
    ],
)
async def test_whatever_is_not_verified_is_answered_in_one_wording_and_reported_to_the_operator(
    endpoint: Endpoint, cause: str, scheme: str, age: float, changes: dict[str, str | None]
) -> None:
    secret = WHSEC if scheme == "standard-webhooks" else SECRET
    headers = signed(BODY, scheme=scheme, secret=secret, age_seconds=age) | changes
    sent = {name: value for name, value in headers.items() if value is not None}
    answer = await call(endpoint, path=f"/webhooks/{scheme}", content=BODY, headers=sent)
    assert answer.status_code == 401
    assert answer.json() == {
        "error": "not-verified",
        "detail": "The signature of this request could not be verified.",
    }
    assert endpoint.causes == [(scheme, cause)]
    assert endpoint.inbox.kept == {}


async def test_an_unknown_source_is_404_whatever_the_method(endpoint: Endpoint) -> None:
    for method in ("POST", "GET", "HEAD", "PUT"):
        answer = await call(endpoint, method, "/webhooks/absent", content=BODY)
        assert answer.status_code == 404
    assert endpoint.causes == [("unknown", "unknown-source")] * 4


@pytest.mark.parametrize("path", ["/webhooks/", "/webhooks/github//", "/webhooks/git/hub"])
async def test_a_path_that_is_none_is_404(endpoint: Endpoint, path: str) -> None:
    assert (await call(endpoint, path=path, content=BODY)).status_code == 404


@pytest.mark.parametrize("encoding", ["gzip", "br", "deflate, gzip", "GZIP"])
async def test_a_compressed_body_is_415(endpoint: Endpoint, encoding: str) -> None:
    body = gzip.compress(BODY)
    headers = signed(body) | {"Content-Encoding": encoding}
    answer = await call(endpoint, content=body, headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept-encoding"] == "identity"
    assert endpoint.causes == [("github", "compressed-body")]


async def test_an_encoding_of_identity_is_none(endpoint: Endpoint) -> None:
    headers = signed(BODY) | {"Content-Encoding": "identity"}
    assert (await call(endpoint, content=BODY, headers=headers)).status_code == 202


async def test_a_body_of_the_limit_is_taken_and_one_byte_more_is_413(endpoint: Endpoint) -> None:
    body = b"x" * LIMIT
    assert (await call(endpoint, content=body, headers=signed(body))).status_code == 202
    body += b"x"
    answer = await call(endpoint, content=body, headers=signed(body))
    assert answer.status_code == 413
    assert answer.json()["error"] == "body-too-large"
    assert f"{LIMIT} bytes at most (RECEIVER_BODY_LIMIT_BYTES)" in answer.json()["detail"]
    assert endpoint.causes == [("github", "body-too-large")]


@pytest.mark.parametrize(("source", "cause"), [("shut", "no-secret"), ("broken", "no-mapping")])
async def test_a_source_that_is_not_ready_is_503_for_later(
    endpoint: Endpoint, source: str, cause: str
) -> None:
    answer = await call(endpoint, path=f"/webhooks/{source}", content=BODY, headers=signed(BODY))
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 30
    assert answer.json()["error"] == "not-ready"
    assert endpoint.causes == [(source, cause)]


async def test_a_malformed_secret_shuts_its_source_and_accuses_no_sender(
    endpoint: Endpoint,
) -> None:
    endpoint.add("standard-webhooks", name="bad", secrets=("whsec_%%%",))
    headers = signed(BODY, scheme="standard-webhooks", secret=WHSEC)
    answer = await call(endpoint, path="/webhooks/bad", content=BODY, headers=headers)
    assert answer.status_code == 503
    assert endpoint.causes == [("bad", "malformed-secret")]


async def test_what_is_not_committed_is_503_for_soon(endpoint: Endpoint) -> None:
    endpoint.inbox.away = True
    answer = await call(endpoint, content=BODY, headers=signed(BODY))
    assert answer.status_code == 503
    assert 1 <= int(answer.headers["retry-after"]) <= 10
    assert answer.json()["error"] == "unavailable"
    assert endpoint.causes == [("github", "not-committed")]


async def test_the_first_reason_to_refuse_is_the_one_given(endpoint: Endpoint) -> None:
    too_long = b"x" * (LIMIT + 1)
    gzipped = {"Content-Encoding": "gzip"}
    for path, headers, status in [
        ("/webhooks/absent", gzipped, 404),
        ("/webhooks/shut", gzipped, 415),
        ("/webhooks/broken", gzipped, 415),
        ("/webhooks/shut", {}, 413),
        ("/webhooks/github", {}, 413),
    ]:
        answer = await call(endpoint, path=path, content=too_long, headers=headers)
        assert answer.status_code == status
    endpoint.inbox.away = True
    assert (await call(endpoint, path="/webhooks/shut", content=BODY)).status_code == 503
    assert (await call(endpoint, content=BODY)).status_code == 401


async def test_get_and_head_are_answered_and_store_nothing(endpoint: Endpoint) -> None:
    for source in ("github", "shut"):
        answer = await call(endpoint, "GET", f"/webhooks/{source}")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
        answer = await call(endpoint, "HEAD", f"/webhooks/{source}")
        assert (answer.status_code, answer.content) == (200, b"")
    assert endpoint.inbox.kept == {}
    assert endpoint.rejections == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_other_methods_are_405_and_told_which_are_allowed(
    endpoint: Endpoint, method: str
) -> None:
    headers = signed(BODY, method=method)
    answer = await call(endpoint, method, content=BODY, headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, POST"


async def test_a_mapping_may_set_what_a_kept_delivery_is_answered(endpoint: Endpoint) -> None:
    success = {"status": 200, "body": "Hello API Event Received"}
    endpoint.add("github", name="insists", secrets=(SECRET,), success=success)
    for _ in range(2):
        answer = await call(
            endpoint, path="/webhooks/insists", content=BODY, headers=signed(BODY, delivery_id="1")
        )
        assert answer.status_code == 200
        assert answer.text == "Hello API Event Received"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert len(endpoint.inbox.kept) == 1


async def test_an_empty_204_has_no_length(endpoint: Endpoint) -> None:
    endpoint.add("github", name="quiet", secrets=(SECRET,), success={"status": 204})
    answer = await call(endpoint, path="/webhooks/quiet", content=BODY, headers=signed(BODY))
    assert answer.status_code == 204
    assert "content-length" not in answer.headers


async def test_dedupe_none_makes_each_post_a_delivery(endpoint: Endpoint) -> None:
    endpoint.add("github", name="each", secrets=(SECRET,), dedupe="none")
    headers = signed(BODY, delivery_id="1")
    answers = [
        await call(endpoint, path="/webhooks/each", content=BODY, headers=headers) for _ in "ab"
    ]
    assert [answer.status_code for answer in answers] == [202, 202]


async def test_a_signed_id_is_the_identity_also_with_another_time(endpoint: Endpoint) -> None:
    for age in (60, 0):
        headers = signed(
            BODY, scheme="standard-webhooks", secret=WHSEC, age_seconds=age, delivery_id="msg_1"
        )
        await call(endpoint, path="/webhooks/standard-webhooks", content=BODY, headers=headers)
    [key] = endpoint.inbox.kept
    assert key == ("standard-webhooks", "id:msg_1")
    assert endpoint.inbox.last.id_signed


async def test_credentials_are_not_kept(endpoint: Endpoint) -> None:
    secret_headers = {
        "Authorization": "Bearer hunter2",
        "Cookie": "hunter2",
        "Proxy-Authorization": "hunter2",
        "X-Api-Key": "hunter2",
        "X-Original-URL": "/webhooks/shop/hunter2",
        "X-Api_Key": "hunter2",
        "Api-Key": "hunter2",
        "X-Auth-Token": "hunter2",
        "X-Gitlab-Token": "hunter2",
        "X-Amz-Security-Token": "hunter2",
        "X-Goog-Iap-JWT-Assertion": "hunter2",
        "Ocp-Apim-Subscription-Key": "hunter2",
        "X-Webhook-Secret": "hunter2",
        "Cf-Access-Client-Secret": "hunter2",
        "Session": "hunter2",
        "X-Amzn-Oidc-AccessToken": "hunter2",
        "X-Amzn-Oidc-Data": "hunter2",
        "X-AccessToken": "hunter2",
        "X-AuthToken": "hunter2",
        "X-CSRFToken": "hunter2",
        "X-SessionId": "hunter2",
        "X-ClientSecret": "hunter2",
        "X-Auth": "hunter2",
        "X-Webhook-Passphrase": "hunter2",
        "X-Shared-Key": "hunter2",
        "X-Waws-Unencoded-Url": "/webhooks/shop/hunter2",
        "Referer": "https://hooks.example.com/webhooks/shop/hunter2",
    }
    await call(endpoint, content=BODY, headers=signed(BODY) | secret_headers)
    kept = endpoint.inbox.last.headers
    assert "hunter2" not in json.dumps(kept)
    assert all(name == name.lower() for name in kept)
    assert "x-hub-signature-256" in kept


@pytest.mark.parametrize(
    "name", ["x-tokenizer", "x-secretary-id", "idempotency-key", "x-github-event", "x-sessions"]
)
async def test_a_header_that_only_sounds_like_a_credential_is_kept(
    endpoint: Endpoint, name: str
) -> None:
    await call(endpoint, content=BODY, headers=signed(BODY) | {name: "kept"})
    assert endpoint.inbox.last.headers[name] == "kept"


async def test_a_repeated_signature_header_verifies_nothing_by_itself(endpoint: Endpoint) -> None:
    right = signed(BODY)["X-Hub-Signature-256"]
    forged = "sha256=" + "0" * 64
    for first, second in [(right, forged), (forged, right)]:
        headers = [("X-Hub-Signature-256", first), ("X-Hub-Signature-256", second)]
        assert (await call(endpoint, content=BODY, headers=headers)).status_code == 401


async def test_the_public_url_is_what_was_signed_where_it_is_set() -> None:
    endpoint = Endpoint(public_url="https://hooks.example.com/in")
    url = "https://hooks.example.com/in/webhooks/hubspot-v3?a=%2F"
    headers = signed(BODY, scheme="hubspot-v3", url=url)
    path = "/webhooks/hubspot-v3?a=%2F"
    assert (await call(endpoint, path=path, content=BODY, headers=headers)).status_code == 202
    headers = signed(BODY, scheme="hubspot-v3", url=f"http://testserver{path}")
    assert (await call(endpoint, path=path, content=BODY, headers=headers)).status_code == 401


async def test_forwarded_headers_of_a_stranger_change_nothing(endpoint: Endpoint) -> None:
    path = "/webhooks/hubspot-v3"
    headers = signed(BODY, scheme="hubspot-v3", url=f"https://hooks.example.com{path}")
    headers |= {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "hooks.example.com"}
    assert (await call(endpoint, path=path, content=BODY, headers=headers)).status_code == 401


async def test_acknowledged_deliveries_are_counted(endpoint: Endpoint) -> None:
    for _ in "abc":
        await call(endpoint, content=BODY, headers=signed(BODY, delivery_id="1"))
    exposed = endpoint.metrics.exposition().decode()
    assert 'receiver_deliveries_total{answer="accepted",source="github"} 1.0' in exposed
    assert 'receiver_deliveries_total{answer="duplicate",source="github"} 2.0' in exposed
    assert "receiver_request_duration_seconds_count 3.0" in exposed


async def test_how_long_ago_a_request_was_signed_is_told_where_it_says_so(
    endpoint: Endpoint,
) -> None:
    for age in (0.0, 100.0):
        headers = signed(b"{}", scheme="standard-webhooks", secret=WHSEC, age_seconds=age)
        await call(endpoint, path="/webhooks/standard-webhooks", content=b"{}", headers=headers)
    await call(endpoint, content=b"{}", headers=signed(b"{}"))
    assert [(source, round(lag, -1)) for source, lag in endpoint.lags] == [
        ("standard-webhooks", 0),
        ("standard-webhooks", 100),
    ]


async def test_a_retry_under_the_first_signed_time_says_nothing_of_our_clock(
    endpoint: Endpoint,
) -> None:
    endpoint.add("linear", secrets=(SECRET,))
    url = "http://testserver/webhooks/linear"
    for age in (0, 6 * 3600):
        sent = signed_request(
            "linear", secret=SECRET, method="POST", url=url, headers={}, body=b"{}",
            now=time.time() - age,
        )  # fmt: skip
        headers = dict(sent.headers)
        answer = await call(endpoint, path="/webhooks/linear", content=sent.body, headers=headers)
        assert answer.status_code == 200
    assert [(source, round(lag, -1)) for source, lag in endpoint.lags] == [("linear", 0)]
