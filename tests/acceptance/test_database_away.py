"""The database is away or slow: refused within 2 s, never lost, and back by itself."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator

import pytest

from tests.support.databases import PostgresDatabase
from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.senders import Vendor
from tests.support.service import Service
from tests.support.vendors import Post, helpdesk, solved

pytestmark = pytest.mark.acceptance

#: From the moment when a request is sent to its answer.
ANSWER_SECONDS = 2.0


def _is_refused_in_time(service: Service, post: Post) -> None:
    """Every time; and in time at one of three, as a busy machine may be slow by itself."""
    quickest = math.inf
    for _ in range(3):
        began = time.monotonic()
        answer = service.post(post)
        quickest = min(quickest, time.monotonic() - began)
        assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        if quickest < ANSWER_SECONDS:
            return
    raise AssertionError(f"refused after {quickest:.2f} s at best")


def _is_alive_and_not_ready(service: Service) -> str:
    """The problem of the database in /readyz."""
    assert service.http("GET", "/livez").status_code == 200
    began = time.monotonic()
    ready = service.http("GET", "/readyz")
    assert time.monotonic() - began < ANSWER_SECONDS
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    details = {problem["name"]: problem["summary"] for problem in ready.json()["problems"]}
    return str(details["database"])


def _comes_back(service: Service, post: Post, customer: str) -> None:
    """Without anybody's doing; and whether a refused commit landed is found by the repeat."""
    wait_until(lambda: service.post(post).is_success, what="taking deliveries again")
    wait_until(lambda: service.http("GET", "/readyz").status_code == 200, what="being ready again")
    delivery_id = service.post(post).json()["delivery"]
    assert service.settled(delivery_id, seconds=30)["state"] == "recorded"
    assert len(service.billed(customer)) == 1


def test_while_the_database_is_frozen_or_locked_intake_is_503_and_recovers_by_itself(
    service: Service, customer: str
) -> None:
    post = helpdesk(solved(customer))
    with service.database.away():
        _is_refused_in_time(service, post)
        _is_alive_and_not_ready(service)
        _answers_what_needs_no_database(service, post)
        _is_refused_in_time(service, post)
    _comes_back(service, post, customer)


def _answers_what_needs_no_database(service: Service, post: Post) -> None:
    """Set-up requests, forgeries, unknown sources."""
    began = time.monotonic()
    assert service.http("GET", post.path).is_success
    assert service.post(post.with_body(b"forged")).status_code == 401
    assert service.http("POST", "/webhooks/absent").status_code == 404
    assert time.monotonic() - began < 1


@pytest.fixture
def server(service: Service) -> Postgres:
    """The server behind the service, and the service's database on it."""
    assert isinstance(service.database, PostgresDatabase)
    return service.database.server


@pytest.mark.only("postgres")
def test_while_the_database_refuses_connections_intake_is_503_and_recovers_by_itself(
    service: Service, server: Postgres, customer: str
) -> None:
    taken = [service.take(helpdesk(solved(customer))) for _ in range(5)]
    post = helpdesk(solved(f"{customer}-later"))
    server.kill()
    try:
        _is_refused_in_time(service, post)
        # A socket is gone with its server; a port would refuse.
        assert _is_alive_and_not_ready(service) == "the database is missing"
    finally:
        server.restart()
    _comes_back(service, post, f"{customer}-later")
    assert {service.settled(one, seconds=30)["state"] for one in taken} == {"recorded"}
    assert len(service.billed(customer)) == 5


@contextlib.contextmanager
def _held(service: Service, *statements: str) -> Iterator[None]:
    """A transaction that has done this and is left open."""
    assert isinstance(service.database, PostgresDatabase)
    with service.database.session() as session:
        for statement in ("BEGIN", *statements):
            session(statement)
        yield


@pytest.mark.only("postgres")
def test_while_somebody_has_the_table_to_himself_intake_is_503_and_not_ready(
    service: Service, customer: str
) -> None:
    post = helpdesk(solved(customer))
    with _held(service, "LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"):
        _is_refused_in_time(service, post)
        assert "lock" in _is_alive_and_not_ready(service)
    _comes_back(service, post, customer)


@pytest.mark.only("postgres")
def test_one_row_that_somebody_holds_refuses_its_own_repeat_alone(
    service: Service, customer: str
) -> None:
    held = helpdesk(solved(customer))
    delivery_id = service.take(held)
    service.settled(delivery_id)
    with _held(service, f"SELECT 1 FROM deliveries WHERE id = '{delivery_id}' FOR UPDATE"):  # noqa: S608 - an id of ours
        _is_refused_in_time(service, held)
        assert service.http("GET", "/readyz").status_code == 200
        vendor = Vendor(lambda: service.web.url)
        with vendor.sending(helpdesk(solved(f"{customer}-others")) for _ in range(50)):
            _is_refused_in_time(service, held)
        assert vendor.tries == 50, "others were refused for it"
    repeated = service.post(held).json()
    assert repeated == {"status": "duplicate", "delivery": delivery_id}


@pytest.mark.only("postgres")
@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_what_is_started_while_the_database_is_away_says_so_and_ends(
    service: Service, server: Postgres, way: str
) -> None:
    """A supervisor starts it again; no one takes it for ready meanwhile."""
    if way == "killed":
        server.kill()
    else:
        server.freeze()
    try:
        for command in ("serve", "work"):
            began = time.monotonic()
            ran = service.run(command, environment={"RECEIVER_PORT": "0"})
            assert ran.code == 1
            assert "the database does not answer" in ran.err
            assert "RECEIVER_DATABASE_URL" in ran.err
            assert time.monotonic() - began < 20
    finally:
        if way == "killed":
            server.restart()
        else:
            server.thaw()
    wait_until(lambda: service.http("GET", "/readyz").status_code == 200, what="being ready again")
