"""A request that was rightly signed once, sent again by an attacker: never a second bill."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fuzz.targets.maps import CASES, TYPES, Case, mapped
from tests.support.service import Service
from tests.support.vendors import Post, crm, helpdesk, solved, won


@pytest.fixture(scope="module")
def working(victim: Service) -> Iterator[Service]:
    """The victim with a worker, while this file's tests run."""
    worker = victim.start_worker()
    victim.processes.remove(worker)
    yield victim
    worker.stop()


def as_others_send_it(post: Post) -> list[Post]:
    """The same signature, with everything else as an attacker likes it."""
    return [
        post,
        post.with_headers(user_agent="curl/8", x_request_id="2", x_forwarded_for="6.6.6.6"),
        post.with_headers(content_type="application/x-www-form-urlencoded"),
        post.with_headers(content_type="text/xml"),
        post.with_headers(content_type="multipart/form-data; boundary=x"),
        post.without("content-type"),
        post.with_headers(x_crm_delivery="another-id", idempotency_key="3"),
        post.with_headers(x_crm_delivery="a-third-id", content_type="text/plain"),
    ]


def test_what_is_signed_with_its_id_is_a_duplicate_whatever_else_is_changed(
    working: Service,
) -> None:
    post = helpdesk(solved("replayed-tickets"))
    first = working.settle(post)
    for again in as_others_send_it(post):
        answer = working.post(again)
        assert (answer.status_code, answer.json()["delivery"]) == (200, first["id"])
    assert len(working.billed("replayed-tickets")) == 1


def test_another_unsigned_id_is_another_delivery_and_no_second_bill(working: Service) -> None:
    post = crm([won("replayed-deals")])
    working.settle(post)
    for again in as_others_send_it(post):
        answer = working.post(again)
        assert answer.status_code in (200, 202)
        working.settled(answer.json()["delivery"])
    assert len(working.billed("replayed-deals")) == 1


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.source}-{case.body[:20]!r}")
def test_no_other_content_type_makes_another_outcome_of_what_was_signed(case: Case) -> None:
    """What is not signed can at most turn an outcome into a failure."""
    right = {one.key for one in mapped(case, case.body, case.content_type)}
    for content_type in (*TYPES, "application/x-ndjson", "application/cloudevents+json", ""):
        other = {one.key for one in mapped(case, case.body, content_type)}
        assert other <= right, json.dumps(sorted(other))
