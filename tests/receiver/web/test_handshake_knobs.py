"""Set-up requests that a mapping file spells out: answered as the vendor asks, and not stored."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import jsonschema
import pytest

from receiver.signatures import RULES, SchemeInvalid, scheme_of, sign
from tests.receiver.web.endpoint import Endpoint, MemoryPairing

SECRET = "a secret of text, long enough"
BASE = "https://hooks.example.com"
HMAC = {
    "header": "X-Signature",
    "algorithm": "sha256",
    "encoding": "hex",
    "signed_content": "{body}",
}
KNOBS: dict[str, dict[str, Any]] = {"hmac": HMAC, "token": {}, "basic": {}, "path-token": {}}
SCRIPT = '<script>alert("1")</script>'


def block(scheme: str, *handshakes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"scheme": scheme, "secrets": ["A"], **KNOBS[scheme], "handshakes": handshakes, **more}


def endpoint(scheme: str, *handshakes: dict[str, Any], **more: Any) -> Endpoint:
    found = Endpoint(pairing=MemoryPairing(), public_url=BASE)
    word = {"handshake_secret": "a word"} if "handshake_secret" in more else {}
    verify = block(scheme, *handshakes, **more) | {"handshakes": list(handshakes)}
    secret = f"user:{SECRET}" if scheme == "basic" else SECRET
    found.add(scheme, name="x", secrets=(secret,), secret_names=("A",), verify=verify, **word)
    return found


async def call(
    at: Endpoint,
    method: str = "GET",
    query: str = "",
    *,
    headers: dict[str, str] | None = None,
    body: bytes | dict[str, Any] = b"",
) -> httpx.Response:
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    transport = httpx.ASGITransport(at.app, raise_app_exceptions=True)
    async with httpx.AsyncClient(transport=transport, base_url=BASE) as client:
        url = f"/webhooks/x{query}"
        return await client.request(method, url, headers=headers or {}, content=content)


def signed(body: dict[str, Any] | bytes, scheme: str = "hmac") -> dict[str, str]:
    content = json.dumps(body).encode() if isinstance(body, dict) else body
    secret = f"user:{SECRET}" if scheme == "basic" else SECRET
    return sign(
        scheme_of(block(scheme) | {"handshakes": []}),
        secret=secret,
        method="POST",
        url=f"{BASE}/webhooks/x",
        headers={},
        body=content,
        now=0,
    )


def digest(text: str) -> bytes:
    return hmac.digest(SECRET.encode(), text.encode(), hashlib.sha256)


@pytest.mark.parametrize("scheme", KNOBS)
async def test_a_challenge_in_the_query_is_repeated_as_text(scheme: str) -> None:
    at = endpoint(scheme, {"echo": "query.challenge"})
    token = f"&token={SECRET}" if scheme == "path-token" else ""
    answer = await call(at, query=f"?challenge=abc{token}")
    assert (answer.status_code, answer.text) == (200, "abc")
    assert answer.headers["content-type"] == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"
    if token:
        assert (await call(at, query="?challenge=abc")).status_code == 401
    looked = await call(at)
    assert looked.json() == {"status": "ok"}
    assert at.inbox.kept == {}


async def test_a_header_is_answered_in_a_json_member_of_another_name() -> None:
    """Okta: https://developer.okta.com/docs/concepts/event-hooks/ (one-time verification)."""
    okta = {"method": "GET", "echo": "header.x-okta-verification-challenge"}
    at = endpoint("token", okta | {"as_json": "verification"}, header="Authorization")
    headers = {"X-Okta-Verification-Challenge": "my challenge"}
    answer = await call(at, headers=headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {"verification": "my challenge"}


async def test_a_member_of_an_unsigned_post_is_answered_under_another_name() -> None:
    """Smartsheet's form: the challenge comes before any signature; a signed one is a delivery."""
    smartsheet = {"echo": "body.challenge", "as_json": "smartsheetHookResponse", "signed": False}
    at = endpoint("hmac", smartsheet)
    challenge = {"challenge": "c1", "webhookId": 7}
    answer = await call(at, "POST", body=challenge)
    assert answer.json() == {"smartsheetHookResponse": "c1"}
    assert at.inbox.kept == {}
    delivered = await call(at, "POST", body=challenge, headers=signed(challenge))
    assert delivered.status_code == 202
    assert len(at.inbox.kept) == 1
    forged = {"X-Signature": "0" * 64}
    assert (await call(at, "POST", body=challenge, headers=forged)).status_code == 401


@pytest.mark.parametrize("scheme", ["hmac", "token", "basic"])
async def test_a_signed_challenge_is_answered_to_its_signer_alone(scheme: str) -> None:
    marks = {"body.type": "url_verification"}
    at = endpoint(scheme, {"when": marks, "echo": "body.challenge", "as_json": "challenge"})
    body = {"type": "url_verification", "challenge": "3eZbrw"}
    assert (await call(at, "POST", body=body)).status_code == 401
    answer = await call(at, "POST", body=body, headers=signed(body, scheme))
    assert (answer.status_code, answer.json()) == (200, {"challenge": "3eZbrw"})
    assert at.inbox.kept == {}
    other = {"type": "event", "challenge": "3eZbrw"}
    assert (await call(at, "POST", body=other, headers=signed(other, scheme))).status_code == 202


async def test_a_verify_token_opens_the_gate_and_the_signing_secret_does_not() -> None:
    """Meta's and WebSub's form, for a vendor that copies it."""
    subscribe = {
        "when": {"query.hub.mode": "subscribe"},
        "echo": "query.hub.challenge",
        "verify_token": "query.hub.verify_token",
    }
    at = endpoint("hmac", subscribe, handshake_secret="A_WORD")
    query = "?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    assert (await call(at, query=f"{query}a+word")).text == "1158201444"
    for wrong in ("", "other", SECRET.replace(" ", "+")):
        assert (await call(at, query=f"{query}{wrong}")).status_code == 403


async def test_a_fixed_text_is_answered() -> None:
    """Dropbox Sign's form."""
    text = "Hello API Event Received"
    at = endpoint("hmac", {"when": {"body.event": "test"}, "text": text})
    body = {"event": "test"}
    assert (await call(at, "POST", body=body, headers=signed(body))).text == text
    assert (await call(at, "POST", body=body)).status_code == 401


async def test_a_crc_token_is_answered_with_its_hmac() -> None:
    """X: https://developer.x.com/en/docs/x-api/enterprise/account-activity-api (CRC)."""
    crc = {"encoding": "base64", "prefix": "sha256="}
    at = endpoint("hmac", {"echo": "query.crc_token", "as_json": "response_token", "digest": crc})
    expected = "sha256=" + base64.b64encode(digest("a-1")).decode()
    assert (await call(at, query="?crc_token=a-1")).json() == {"response_token": expected}


async def test_the_hmac_of_a_body_is_answered_to_nobody() -> None:
    """Otherwise anyone who knows the URL has a forged event signed."""
    crc = {"echo": "query.crc_token", "as_json": "response_token", "digest": {"encoding": "hex"}}
    at = endpoint("hmac", crc)
    for text in ('{"a":1}', "a=b", "[1]", "<a/>", "a b", '"a"', "a\nb", "x" * 600):
        answer = await call(at, query=f"?{httpx.QueryParams({'crc_token': text})}")
        assert answer.status_code == 401, text
        assert digest(text).hex() not in answer.text


async def test_a_token_and_its_hmac_stand_side_by_side() -> None:
    """Zoom's form."""
    zoom = {
        "when": {"body.event": "endpoint.url_validation"},
        "echo": "body.payload.plainToken",
        "as_json": "plainToken",
        "digest": {"member": "encryptedToken"},
    }
    body = {"event": "endpoint.url_validation", "payload": {"plainToken": "qgg8"}}
    answer = await call(endpoint("hmac", zoom), "POST", body=body, headers=signed(body))
    assert answer.json() == {"plainToken": "qgg8", "encryptedToken": digest("qgg8").hex()}


async def test_a_secret_that_comes_with_the_first_request_is_learnt_in_its_window() -> None:
    """Asana's form."""
    at = endpoint(
        "hmac", {"learns": "header.X-Hook-Secret", "echo": "header.X-Hook-Secret"} | HOOK_HEADER
    )
    headers = {"X-Hook-Secret": "b537207f"}
    assert (await call(at, "POST", headers=headers)).status_code == 401
    assert at.pairing is not None
    at.pairing.open("x", "A")
    answer = await call(at, "POST", f"?pair={MemoryPairing.TOKEN}", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["x-hook-secret"] == "b537207f"
    assert at.pairing.learnt == {"A": "b537207f"}
    assert "x-hook-secret" in at.ready("x").scheme.secret_headers


HOOK_HEADER = {"as_header": "X-Hook-Secret"}


@pytest.mark.parametrize(
    "answered", [{}, {"as_json": "challenge"}, HOOK_HEADER, HOOK_HEADER | {"as_json": "c"}]
)
@pytest.mark.parametrize(
    "text", [SCRIPT, "a\r\nSet-Cookie: b=c", "a\x00b", "\u20ac", "x" * 9000, "\u2028", ""]
)
async def test_nothing_that_a_stranger_sends_becomes_a_page_or_a_header(
    answered: dict[str, str], text: str
) -> None:
    at = endpoint("hmac", {"echo": "query.c"} | answered)
    answer = await call(at, query=f"?{httpx.QueryParams({'c': text})}")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "set-cookie" not in answer.headers
    kind = answer.headers.get("content-type", "")
    assert kind in ("text/plain", "application/json") or answer.content == b""
    in_header = "as_header" in answered
    is_taken = text == SCRIPT or (text == "\u20ac" and not in_header)
    assert (answer.status_code == 200) == is_taken, answer.text


@pytest.mark.parametrize(
    ("handshake", "path", "message", "remedy"),
    [
        ("x", (), "no handshake", "{echo:"),
        ({"ecoh": "query.c"}, ("ecoh",), "unknown key", "Did you mean echo?"),
        ({"echo": "challenge"}, ("echo",), "cannot be", "query.NAME"),
        ({"echo": "query.c", "method": "PUT"}, ("method",), "cannot be", "GET, POST"),
        ({"echo": "query.c", "as_header": "a b"}, ("as_header",), "cannot be", "HTTP header"),
        ({"echo": "query.c", "digest": {"algoritm": "sha1"}}, ("digest", "algoritm"), "unknown key",
         "algorithm?"),
        ({"echo": "query.c", "digest": 1}, ("digest",), "cannot be", "member"),
        ({"echo": "query.c", "signed": "no"}, ("signed",), "cannot be", "true or false"),
        ({"when": {}}, ("when",), "cannot be", "{body.type"),
        ({"when": {"type": "ping"}}, ("when",), "cannot be", "query.NAME"),
        ({"when": {"body.type": 7}}, ("when",), "cannot be", "in quotes"),
        ({"text": "hello"}, (), "nothing marks", "when:"),
        ({"when": {"body.a": True}, "as_json": "b"}, ("as_json",), "nothing states", "Add echo"),
        ({"echo": "query.c", "text": "a"}, ("text",), "an echo already", "Keep one"),
        ({"echo": "query.c", "verify_token": "query.t"}, ("verify_token",), "nothing states which",
         "Add handshake_secret"),
        ({"learns": "header.X-A", "signed": True}, ("signed",), "cannot be signed", "false"),
        ({"echo": "body.id"}, (), "would be answered and not stored", "Add when:"),
        ({"echo": "body.id", "when": {"body.id": True}}, (), "and not stored", "Add when:"),
        ({"when": {"body.id": True}}, (), "has body.id would be answered", "Add when:"),
        ({"when": {"header.Content-Type": "application/json"}}, (), "not stored", "Add when:"),
        ({"when": {"header.x-SIGNATURE": True}}, (), "not stored", "Add when:"),
        ({"echo": "query.c", "as_header": "content-Length"}, ("as_header",), "cannot be", "own"),
        ({"echo": "query.c", "as_header": "Set-Cookie"}, ("as_header",), "cannot be", "own"),
        ({"echo": "body.id", "method": "GET"}, ("method",), "no body", "POST"),
        ({"echo": "query.c", "shows": "body.a"}, ("shows",), "cannot be", "list of fields"),
    ],
)  # fmt: skip
def test_what_is_wrong_in_one_is_named_with_what_to_write(
    handshake: Any, path: tuple[str, ...], message: str, remedy: str
) -> None:
    verify = block("hmac") | {"handshakes": [handshake]}
    where = ("handshakes", 0, *path)
    found = [(what, remediation) for at, what, remediation in RULES.problems(verify) if at == where]
    assert any(message in what and remedy in remediation for what, remediation in found), (
        RULES.problems(verify)
    )
    with pytest.raises(SchemeInvalid, match=r"handshakes\.0"):
        scheme_of(verify)


@pytest.mark.parametrize(
    ("verify", "path", "message"),
    [
        (block("path-token", {"echo": "body.c", "signed": False}), ("signed",), "the URL carries"),
        (block("token", {"echo": "query.c", "digest": {}}), ("digest",), "no key"),
        (
            block("token", {"method": "POST", "when": {"header.x-webhook-token": True}}),
            (),
            "not stored",
        ),
        (block("path-token", {"method": "POST", "when": {"query.token": True}}), (), "not stored"),
    ],
)
def test_some_make_no_sense_under_some_schemes(
    verify: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    [(where, what, _)] = RULES.problems(verify | {"handshakes": list(verify["handshakes"])})
    assert (where, message in what) == (("handshakes", 0, *path), True)


def test_a_preset_has_its_own_and_a_list_is_wanted() -> None:
    [(path, message, _)] = RULES.problems({"scheme": "github", "handshakes": []})
    assert (path, "fixed by the scheme github" in message) == (("handshakes",), True)
    [(path, _, remedy)] = RULES.problems(block("hmac") | {"handshakes": {"echo": "query.c"}})
    assert (path, remedy) == (("handshakes",), "Write a list, such as [{echo: query.challenge}].")


@pytest.mark.parametrize(
    ("handshake", "fits"),
    [
        ({"echo": "query.challenge"}, True),
        ({"when": {"body.type": "a", "body.b": False}, "echo": "header.X-A", "as_json": "c"}, True),
        ({"echo": "challenge"}, False),
        ({"ecoh": "query.challenge"}, False),
        ({"when": {"type": "a"}}, False),
    ],
)
def test_the_editors_schema_knows_them(handshake: dict[str, Any], *, fits: bool) -> None:
    schema = {"properties": RULES.knobs_schema()}
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid({"handshakes": [handshake]}) is fits
