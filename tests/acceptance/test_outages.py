"""A neighbour is away, or a stop is asked for: refused politely or answered, never lost."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.postgres import Postgres
from tests.support.processes import wait_until
from tests.support.senders import Vendor
from tests.support.service import Server, Service
from tests.support.vendors import Post, helpdesk, solved

pytestmark = pytest.mark.acceptance


def test_while_the_database_cannot_commit_intake_is_503_and_recovers_by_itself(
    service: Service, customer: str
) -> None:
    post = helpdesk(solved(customer))
    with service.database.away():
        began = time.monotonic()
        answer = service.post(post)
        took = time.monotonic() - began
        assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
        assert int(answer.headers["retry-after"]) > 0
        assert took < 3.5
        assert service.http("GET", "/livez").status_code == 200
        ready = service.http("GET", "/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert "database" in {problem["name"] for problem in ready.json()["problems"]}
    # It was refused; whether its commit landed all the same is for the repeat to find out.
    wait_until(lambda: service.post(post).is_success, what="taking deliveries again")
    wait_until(lambda: service.http("GET", "/readyz").status_code == 200, what="being ready again")
    delivery_id = service.post(post).json()["delivery"]
    assert service.settled(delivery_id, seconds=30)["state"] == "recorded"
    assert len(service.billed(customer)) == 1


@pytest.mark.only("postgres")
def test_a_database_that_crashes_and_comes_back_is_found_again(
    service: Service, postgres: Postgres, customer: str
) -> None:
    taken = [service.take(helpdesk(solved(customer))) for _ in range(5)]
    postgres.restart()
    post = helpdesk(solved(customer))
    wait_until(lambda: service.post(post).is_success, what="taking deliveries again")
    taken.append(service.post(post).json()["delivery"])
    states = {service.settled(delivery_id, seconds=30)["state"] for delivery_id in taken}
    assert states == {"recorded"}
    assert len(service.billed(customer)) == 6


@pytest.mark.parametrize("way", ["killed", "frozen"])
def test_without_valkey_intake_goes_on_and_the_sweeper_settles(
    service: Service, customer: str, way: str
) -> None:
    if way == "killed":
        service.valkey.kill()
    else:
        service.valkey.freeze()
    try:
        began = time.monotonic()
        ids = [service.take(helpdesk(solved(customer))) for _ in range(10)]
        assert time.monotonic() - began < 5, "intake waits for Valkey"
        states = {service.settled(delivery_id)["state"] for delivery_id in ids}
        assert states == {"recorded"}
        assert len(service.billed(customer)) == 10
        assert _ready_without(service, "redis")
    finally:
        service.valkey.make_new()
    wait_until(lambda: not _ready_without(service, "redis"), what="finding Valkey again")
    began = time.monotonic()
    service.settle(helpdesk(solved(customer)))
    assert time.monotonic() - began < 5


def _ready_without(service: Service, name: str) -> bool:
    """Whether it is ready and names this as missing."""
    ready = service.http("GET", "/readyz")
    assert ready.status_code == 200
    return name in {problem["name"] for problem in ready.json()["problems"]}


class _HalfSent:
    """A request of which the server has read the head; its body is still to come."""

    def __init__(self, server: Server, post: Post) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._post = post
        self._socket = socket.create_connection((host, int(port)), timeout=10)
        lines = [
            f"POST {post.path} HTTP/1.1",
            f"host: {host}:{port}",
            f"content-length: {len(post.body)}",
            "expect: 100-continue",
            *(f"{name}: {value}" for name, value in post.headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())
        assert self._read(25).startswith(b"HTTP/1.1 100 Continue")

    def _read(self, at_least: int) -> bytes:
        found = b""
        while len(found) < at_least:
            chunk = self._socket.recv(4096)
            assert chunk, f"closed after {found!r}"
            found += chunk
        return found

    def finish(self) -> bytes:
        """Send the body; the status line of the answer."""
        self._socket.sendall(self._post.body)
        with self._socket:
            return self._read(20).split(b"\r\n")[0]


def _accepts(server: Server) -> bool:
    host, _, port = server.url.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionError:
        return False
    return True


def test_a_stopping_web_process_answers_what_is_under_way(service: Service, customer: str) -> None:
    first = service.web
    with service.another_web() as stopping:
        half_sent = [_HalfSent(stopping, helpdesk(solved(customer))) for _ in range(20)]
        vendor = Vendor(lambda: (stopping if stopping.is_alive() else first).url)
        with vendor.sending(helpdesk(solved(customer)) for _ in range(300)):
            vendor.wait_for(30)
            stopping.popen.terminate()
            began = time.monotonic()
            wait_until(lambda: not _accepts(stopping), what="closing the port")
            assert [one.finish() for one in half_sent] == [b"HTTP/1.1 202 Accepted"] * 20
            assert stopping.wait() == 0
            assert time.monotonic() - began < 10
    assert len(set(vendor.acknowledged.values())) == 300
    wait_until(lambda: len(service.billed(customer)) >= 320, what="billing all")
    wait_until(service.all_settled, what="settling all")
    assert len(service.billed(customer)) == 320
