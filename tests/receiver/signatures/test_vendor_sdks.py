"""Held against vendors' own libraries: what they sign we accept, what we sign they accept."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from datetime import UTC, datetime
from typing import Any

import pytest
import standardwebhooks
import stripe
import svix
from gidgethub import ValidationFailure
from gidgethub.sansio import validate_event
from hubspot.utils.signature import Signature
from slack_sdk.signature import SignatureVerifier
from twilio.request_validator import RequestValidator

from receiver.signatures import SignatureError, sign, signed_request, verify
from tests.support.requests import secret_of

URL = "https://hooks.example.com/webhooks/x?deal=1"
BODY = '{"name": "Zoë GmbH", "amount": 48000}'
TEXT = "a secret of text"
STANDARD: dict[str, Any] = {"standard-webhooks": standardwebhooks.Webhook, "svix": svix.Webhook}


def request(headers: dict[str, str], body: str = BODY, url: str = URL) -> dict[str, Any]:
    return {"method": "POST", "url": url, "headers": headers, "body": body.encode()}


def ours(scheme: str, secret: str, body: str = BODY) -> dict[str, str]:
    return sign(scheme, secret=secret, now=time.time(), **request({}, body))


def accepted(scheme: str, secret: str, sent: dict[str, Any]) -> bool:
    try:
        verify(scheme, secrets=[secret], now=time.time(), **sent)
    except SignatureError:
        return False
    return True


@pytest.mark.parametrize("scheme", STANDARD)
def test_standard_webhooks_and_svix(scheme: str) -> None:
    secret = secret_of(scheme)
    theirs = STANDARD[scheme](secret)
    theirs.verify(BODY, ours(scheme, secret))
    prefix = "svix" if scheme == "svix" else "webhook"
    now = datetime.now(UTC)
    headers = {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": str(int(now.timestamp())),
        f"{prefix}-signature": theirs.sign("msg_1", now, BODY),
    }
    assert accepted(scheme, secret, request(headers))
    assert not accepted(scheme, secret, request(headers, BODY + " "))


def test_stripe() -> None:
    secret = "whsec_5f9c2b7a1e8d4c3f"
    theirs = stripe.WebhookSignature
    header = ours("stripe", secret)["Stripe-Signature"]
    assert theirs.verify_header(BODY, header, secret, tolerance=300)
    now = int(time.time())
    signature = theirs._compute_signature(f"{now}.{BODY}", secret)
    assert accepted("stripe", secret, request({"Stripe-Signature": f"t={now},v1={signature}"}))


@pytest.mark.parametrize("scheme", ["slack-events", "slack-interactive"])
def test_slack(scheme: str) -> None:
    theirs = SignatureVerifier(TEXT)
    body = "payload=%7B%22type%22%3A%22block_actions%22%7D"
    assert theirs.is_valid_request(body, ours(scheme, TEXT, body))
    now = str(int(time.time()))
    signature = theirs.generate_signature(timestamp=now, body=body)
    assert signature
    headers = {"X-Slack-Request-Timestamp": now, "X-Slack-Signature": signature}
    assert accepted(scheme, TEXT, request(headers, body))


FORM = {"CallSid": "CA1", "From": "+14158675309", "To": "+18005551212", "Note": ""}
FORM_BODY = "Note=&To=%2B18005551212&From=%2B14158675309&CallSid=CA1"


@pytest.mark.parametrize(
    ("scheme", "algorithm", "settings"),
    [
        ("twilio-form", "HMAC_SHA1", None),
        ("twilio-sharedkey", "HMAC_SHA256", "key=webhooks_sharedkey_01,algorithm=HMAC_SHA256"),
    ],
)
@pytest.mark.parametrize(
    ("called", "signed"),
    [
        (URL, URL),
        (URL, URL.replace(".com/", ".com:443/")),
        (URL.replace(".com/", ".com:443/"), URL),
        (URL.replace(".com/", ".com:8443/"), URL),
    ],
    ids=["as-called", "with-port", "without-port", "another-port-dropped"],
)
def test_twilio(
    scheme: str, algorithm: str, settings: str | None, called: str, signed: str
) -> None:
    theirs = RequestValidator(TEXT)
    sent = request(ours_form(scheme), FORM_BODY)
    assert theirs.validate(URL, FORM, sent["headers"]["X-Twilio-Signature"], algorithm)
    headers = {"X-Twilio-Signature": theirs.compute_signature(signed, FORM, algorithm)}
    if settings:
        headers["X-Twilio-Webhooks-Signature-Settings"] = settings
    assert theirs.validate(called, FORM, headers["X-Twilio-Signature"], algorithm)
    assert accepted(scheme, TEXT, request(headers, FORM_BODY, called))
    assert not accepted(scheme, TEXT, request(headers, FORM_BODY + "1", called))
    assert not accepted(scheme, TEXT, request(headers, FORM_BODY, called + "1"))


def ours_form(scheme: str) -> dict[str, str]:
    return ours(scheme, TEXT, FORM_BODY)


def test_twilio_never_takes_one_algorithm_for_the_other() -> None:
    for scheme, other in (("twilio-form", "twilio-sharedkey"), ("twilio-sharedkey", "twilio-form")):
        assert not accepted(other, TEXT, request(ours_form(scheme), FORM_BODY))


def test_twilio_json() -> None:
    theirs = RequestValidator(TEXT)
    sent = signed_request("twilio-json", secret=TEXT, now=time.time(), **request({}))
    assert theirs.validate(sent.url, BODY, sent.headers["x-twilio-signature"])
    url = f"{URL}&bodySHA256={hashlib.sha256(BODY.encode()).hexdigest()}"
    headers = {"X-Twilio-Signature": theirs.compute_signature(url, {})}
    assert accepted("twilio-json", TEXT, request(headers, BODY, url))
    assert not accepted("twilio-json", TEXT, request(headers, BODY + " ", url))


@pytest.mark.parametrize("version", ["v1", "v2", "v3"])
def test_hubspot(version: str) -> None:
    scheme, now = f"hubspot-{version}", int(time.time() * 1000)
    name = "X-HubSpot-Signature-v3" if version == "v3" else "X-HubSpot-Signature"
    known: dict[str, Any] = {"client_secret": TEXT, "request_body": BODY}
    known |= {"http_uri": URL, "http_method": "POST", "signature_version": version}
    headers = ours(scheme, TEXT)
    stamp = headers.get("X-HubSpot-Request-Timestamp")
    assert Signature.is_valid(signature=headers[name], timestamp=stamp and int(stamp), **known)
    theirs = {
        name: Signature.get_signature(**known, timestamp=str(now)),
        "X-HubSpot-Request-Timestamp": str(now),
    }
    assert accepted(scheme, TEXT, request(theirs))
    assert not accepted(scheme, TEXT, request(theirs, BODY + " "))


def test_github() -> None:
    header = ours("github", TEXT)["X-Hub-Signature-256"]
    validate_event(BODY.encode(), signature=header, secret=TEXT)
    with pytest.raises(ValidationFailure):
        validate_event(BODY.encode() + b" ", signature=header, secret=TEXT)
    # It takes SHA-1 as well, which we do not.
    sha1 = "sha1=" + hmac.digest(TEXT.encode(), BODY.encode(), "sha1").hex()
    validate_event(BODY.encode(), signature=sha1, secret=TEXT)
    assert not accepted("github", TEXT, request({"X-Hub-Signature": sha1}))
    assert not accepted("github", TEXT, request({"X-Hub-Signature-256": sha1}))


def test_the_body_is_what_json_would_change() -> None:
    """The samples above hold what a parser that writes again would alter."""
    assert json.dumps(json.loads(BODY)) != BODY
