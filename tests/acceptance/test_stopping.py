"""A stop is asked for: what is under way is answered, nothing is lost, and it is gone in time."""

from __future__ import annotations

import socket
import time

import pytest

from tests.support.processes import wait_until
from tests.support.senders import Vendor
from tests.support.service import Server, Service
from tests.support.vendors import Post, helpdesk, slow_to_map, solved

pytestmark = pytest.mark.acceptance

#: What supervisors give a process that is asked to stop.
GRACE_SECONDS = 10


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


def test_a_stopping_worker_loses_nothing_of_what_it_was_at(
    own_service: Service, customer: str
) -> None:
    """Among it a delivery that is still being mapped: another worker starts that again."""
    service = own_service
    service.start_web()
    worker = service.start_worker()
    vendor = Vendor(lambda: service.web.url)
    slow = [service.take(slow_to_map(f"{customer}-{number}")) for number in range(3)]
    with vendor.sending(helpdesk(solved(customer)) for _ in range(300)):
        vendor.wait_for(50)
        began = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - began < GRACE_SECONDS
        service.start_worker()
    wait_until(service.all_settled, seconds=40, what="settling all")
    assert len(service.billed(customer)) == 300
    assert {service.settled(one)["state"] for one in slow} == {"recorded"}


def test_both_stop_in_time_while_the_database_is_away(own_service: Service, customer: str) -> None:
    service = own_service
    web, worker = service.start_web(), service.start_worker()
    acknowledged = [service.take(helpdesk(solved(customer))) for _ in range(20)]
    with service.database.away():
        half_sent = _HalfSent(web, helpdesk(solved(customer)))
        assert service.post(helpdesk(solved(customer))).status_code == 503
        began = time.monotonic()
        web.popen.terminate()
        worker.popen.terminate()
        assert half_sent.finish() == b"HTTP/1.1 503 Service Unavailable"
        assert (web.wait(), worker.wait()) == (0, 0)
        assert time.monotonic() - began < GRACE_SECONDS
    service.start_web()
    service.start_worker()
    assert {service.settled(one, seconds=30)["state"] for one in acknowledged} == {"recorded"}
