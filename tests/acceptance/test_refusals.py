"""What is not verified, too large or not readable: refused as designed, the cause in the log.

And to no one else: every answer of one status reads the same, whatever was wrong.
"""

from __future__ import annotations

import gzip
import time
from typing import Any

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import SECRETS, Post, crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance

NOT_VERIFIED = {
    "error": "not-verified",
    "detail": "The signature of this request could not be verified.",
}


def _rejections(service: Service, source: str, cause: str) -> float:
    """How many were counted so far."""
    name = f'receiver_rejections_total{{cause="{cause}",source="{source}"}}'
    return service.metrics().get(name, 0)


def _is_refused(service: Service, post: Post, status: int, *, cause: str) -> dict[str, Any]:
    """The answer's body; the log and the counter name the cause, and nothing was stored."""
    stored = service.api("status")["accepted"]
    counted = _rejections(service, post.source, cause)
    answer = service.post(post)
    assert answer.status_code == status, answer.text
    assert _rejections(service, post.source, cause) == counted + 1
    lines = [line for line in service.web.logged("webhook.rejected") if line["cause"] == cause]
    assert lines, service.web.output()
    assert lines[-1]["source"] == post.source
    assert service.api("status")["accepted"] == stored
    refusal: dict[str, Any] = answer.json()
    assert refusal.keys() == {"error", "detail"}
    return refusal


UNVERIFIED = {
    "a wrong signature": (
        lambda: helpdesk(solved("x"), secret=SECRETS["ROTATING_NEW_SECRET"]),
        "wrong-signature",
    ),
    "a changed body": (lambda: helpdesk(solved("x")).with_body(b"{}"), "wrong-signature"),
    "a changed id": (
        lambda: helpdesk(solved("x")).with_headers(webhook_id="another"),
        "wrong-signature",
    ),
    "no signature": (lambda: helpdesk({}).without("webhook-signature"), "missing-signature"),
    "no timestamp": (lambda: helpdesk({}).without("webhook-timestamp"), "missing-timestamp"),
    "signed 301 s ago": (lambda: helpdesk({}, at=time.time() - 302), "stale-timestamp"),
    "signed in 301 s": (lambda: helpdesk({}, at=time.time() + 303), "future-timestamp"),
    "hmac, a wrong signature": (lambda: crm([]).with_body(b"[1]"), "wrong-signature"),
    "hmac, no signature": (lambda: crm([]).without("x-crm-signature"), "missing-signature"),
    "hmac, stale": (lambda: crm([], at=time.time() - 302), "stale-timestamp"),
}


@pytest.mark.parametrize("case", UNVERIFIED.values(), ids=UNVERIFIED)
def test_what_is_not_verified_is_401_in_one_wording(service: Service, case: Any) -> None:
    make, cause = case
    assert _is_refused(service, make(), 401, cause=cause) == NOT_VERIFIED


def test_a_signature_at_the_edge_of_the_tolerance_is_good(service: Service) -> None:
    for seconds in (-290, 290):
        service.take(helpdesk({"type": "none"}, at=time.time() + seconds))


@pytest.mark.parametrize("secret", ["ROTATING_NEW_SECRET", "ROTATING_OLD_SECRET"])
def test_during_a_rotation_both_secrets_are_good(
    service: Service, customer: str, secret: str
) -> None:
    delivery = service.settle(helpdesk(solved(customer), source="rotating", secret=SECRETS[secret]))
    assert delivery["state"] == "recorded"


def test_a_source_without_its_secret_is_shut(service: Service) -> None:
    post = helpdesk(solved("x"), source="shut", secret=SECRETS["TICKETS_SECRET"])
    refusal = _is_refused(service, post, 503, cause="no-secret")
    assert refusal["error"] == "not-ready"
    assert int(service.post(post).headers["retry-after"]) > 0
    # A sender without a secret learns no more than one with a wrong secret.
    assert service.post(post.without("webhook-signature")).json() == refusal


def test_a_secret_that_is_put_into_its_folder_opens_the_source_without_restart(
    service: Service, customer: str
) -> None:
    secret = SECRETS["TICKETS_SECRET"]
    post = helpdesk(solved(customer), source="late", secret=secret)
    assert service.post(post).status_code == 503
    (service.secrets / "LATE_SECRET").write_text(f"{secret}\n")
    wait_until(lambda: service.post(post).status_code != 503, seconds=3, what="opening the source")
    assert service.post(post).status_code == 200  # what opened it was taken


def test_a_body_over_the_limit_is_413_and_heard(service: Service) -> None:
    refusal = _is_refused(service, helpdesk(b"x" * 2 * 1024 * 1024), 413, cause="body-too-large")
    assert refusal["error"] == "body-too-large"


def test_a_body_at_the_limit_is_taken(service: Service, customer: str) -> None:
    event = b'{"type": "none", "customer": "%s"}' % customer.encode()
    service.take(helpdesk(event.ljust(1024 * 1024)))


def test_a_compressed_body_is_415(service: Service) -> None:
    post = helpdesk(gzip.compress(b"{}")).with_headers(content_encoding="gzip")
    refusal = _is_refused(service, post, 415, cause="compressed-body")
    assert refusal["error"] == "compressed-body"


def test_an_unknown_source_is_404_and_not_named_in_metrics(service: Service) -> None:
    counted = _rejections(service, "unknown", "unknown-source")
    answer = service.post(helpdesk({}, source="tickets2", secret=SECRETS["TICKETS_SECRET"]))
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown-source")
    assert _rejections(service, "unknown", "unknown-source") == counted + 1
    assert "tickets2" not in service.http("GET", "/metrics").text
    assert "tickets2" not in service.web.output()


def test_another_method_than_post_stores_nothing(service: Service) -> None:
    stored = service.api("status")["accepted"]
    assert service.http("GET", "/webhooks/tickets").is_success
    assert service.http("HEAD", "/webhooks/tickets").is_success
    put = service.http("PUT", "/webhooks/tickets", content=b"{}")
    assert (put.status_code, put.json()["error"]) == (405, "method-not-allowed")
    assert service.api("status")["accepted"] == stored


UNREADABLE = {
    "no JSON": b"Dear billing, we won!",
    "nothing": b"",
    "no UTF-8": b'{"type": "\xff"}',
    "deeply nested": b"[" * 1024 * 1024,
    "a duplicate key": b'{"type": "a", "type": "b"}',
    "a number beyond 64 bits": b'{"ticket": 123456789012345678901234567890}',
    "not a number": b'{"ticket": NaN}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_verified_but_unreadable_body_is_kept_and_fails(service: Service, body: bytes) -> None:
    delivery = service.settle(helpdesk(body))
    assert (delivery["state"], delivery["reason"]) == ("failed", "parse")
    assert delivery["detail"]


def test_no_secret_and_no_body_is_ever_logged(service: Service, customer: str) -> None:
    marked = won(customer, note="a note that no one but the vendor wrote")
    service.settle(crm([marked]))
    service.post(crm([marked]).with_body(b'["a note that no one but the vendor wrote"]'))
    logs = service.web.output() + service.worker.output()
    assert "no one but the vendor" not in logs
    assert not [name for name, value in SECRETS.items() if value in logs]
