"""Requests that were not taken, as an operator sees them: in the API, on the command line."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.support.processes import wait_until
from tests.support.service import Ran, Service
from tests.support.vendors import SECRETS, Post, helpdesk, solved

pytestmark = pytest.mark.acceptance


def test_a_refused_request_is_listed_within_seconds_without_a_word_of_it(
    service: Service, customer: str
) -> None:
    post = helpdesk(solved(customer)).with_body(f'{{"tampered": "{customer}"}}'.encode())
    assert service.post(post).status_code == 401
    digest = hashlib.sha256(post.body).hexdigest()

    def listed() -> list[dict[str, object]]:
        items = service.api("rejections", source="tickets", cause="wrong-signature")["items"]
        return [one for one in items if one["body_sha256"] == digest]

    wait_until(listed, seconds=5, what="listing it")
    [item] = listed()
    assert item["body_bytes"] == len(post.body)
    assert {"webhook-id", "webhook-signature"} <= set(item["header_names"])  # type: ignore[call-overload]  # a list of JSON
    assert customer not in str(item)
    assert post.headers["webhook-signature"] not in str(item)
    shown = service.run("rejections", "--source", "tickets", "--json").json
    assert digest in [one["body_sha256"] for one in shown]
    [source] = [one for one in service.ask("sources") if one["source"] == "tickets"]
    assert source["last_rejection_cause"] is not None


def test_what_was_refused_is_explained_offline(
    service: Service, customer: str, tmp_path: Path
) -> None:
    good = helpdesk(solved(customer))
    assert _verify(service, good, tmp_path).code == 0
    ran = _verify(service, good.with_body(good.body + b"\n"), tmp_path)
    assert ran.code == 1
    assert "without the line break at the body's end" in ran.out
    swapped = helpdesk(solved(customer), secret=SECRETS["REKEYED_SECRET"])
    ran = _verify(service, swapped, tmp_path)
    assert ran.code == 1
    assert "REKEYED_SECRET of source rekeyed" in ran.out
    assert SECRETS["REKEYED_SECRET"] not in ran.out + ran.err


def _verify(service: Service, post: Post, folder: Path) -> Ran:
    lines = [f"POST {post.path} HTTP/1.1", "host: hooks.example.com"]
    lines += [f"{name}: {value}" for name, value in post.headers.items()]
    path = folder / "request.txt"
    path.write_bytes("\r\n".join([*lines, "", ""]).encode() + post.body)
    return service.run("verify", post.source, "--request", str(path))


def test_the_secret_that_verifies_is_counted_by_name(service: Service, customer: str) -> None:
    for name in ("ROTATING_OLD_SECRET", "ROTATING_NEW_SECRET"):
        service.take(helpdesk(solved(customer), source="rotating", secret=SECRETS[name]))

    def used() -> set[str]:
        [source] = [one for one in service.ask("sources") if one["source"] == "rotating"]
        return {one["name"] for one in source["secrets"] if one["uses"]}

    wait_until(
        lambda: used() == {"ROTATING_OLD_SECRET", "ROTATING_NEW_SECRET"},
        seconds=10,
        what="counting both",
    )
    labels = '{secret="ROTATING_OLD_SECRET",source="rotating"}'
    assert service.metrics()[f"receiver_verifications_total{labels}"] >= 1


def test_a_flood_is_bounded_and_hides_no_other(service: Service, customer: str) -> None:
    other = helpdesk(solved(customer), source="rekeyed").with_body(b"{}")
    assert service.post(other).status_code == 401
    for number in range(300):
        service.http("POST", f"/webhooks/absent-{number}", content=b"x")
    counted = service.metrics()[
        'receiver_rejections_total{cause="unknown-source",source="unknown"}'
    ]
    assert counted >= 300

    def flood() -> list[int]:
        items = service.api("rejections", cause="unknown-source", limit=1000)["items"]
        return [one["count"] for one in items]

    wait_until(lambda: sum(flood()) >= 300, what="writing the flood")
    assert len(flood()) < 30  # however many paths there were
    assert len(service.api("rejections", limit=1000)["items"]) <= 1000
    assert service.api("rejections", source="rekeyed")["items"]
    service.settle(helpdesk(solved(customer)))  # and intake goes on
