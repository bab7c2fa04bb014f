"""Redis is away, full, locked or wiped: intake goes on, and the sweeper settles."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.valkey import Valkey
from tests.support.vendors import helpdesk, solved

pytestmark = pytest.mark.acceptance

WAYS: dict[str, Callable[[Valkey], None]] = {
    "killed": Valkey.kill,
    "frozen": Valkey.freeze,
    "full": Valkey.fill,
    "read-only": Valkey.make_read_only,
    "its password changed": Valkey.lock_out,
}


@pytest.mark.only("sqlite")
@pytest.mark.parametrize("spoil", WAYS.values(), ids=WAYS.keys())
def test_without_redis_intake_goes_on_and_the_sweeper_settles(
    service: Service, customer: str, spoil: Callable[[Valkey], None]
) -> None:
    try:
        spoil(service.valkey)
        began = time.monotonic()
        ids = [service.take(helpdesk(solved(customer))) for _ in range(10)]
        assert time.monotonic() - began < 5, "intake waits for Redis"
        states = {service.settled(delivery_id)["state"] for delivery_id in ids}
        assert states == {"recorded"}
        assert len(service.billed(customer)) == 10
        wait_until(lambda: _names(service) & {"redis", "worker"}, what="naming what is missing")
    finally:
        service.valkey.make_new()
    wait_until(lambda: not _names(service) & {"redis", "worker"}, what="finding it again")
    began = time.monotonic()
    service.settle(helpdesk(solved(customer)))
    assert time.monotonic() - began < 5


def _names(service: Service) -> set[str]:
    """What is named as missing, of a process that is ready all the same."""
    ready = service.http("GET", "/readyz")
    assert ready.status_code == 200
    return {problem["name"] for problem in ready.json()["problems"]}


def test_a_wiped_redis_forgets_no_delivery(service: Service, customer: str) -> None:
    ids = []
    for _ in range(20):
        ids.append(service.take(helpdesk(solved(customer))))
        service.valkey.flush()
    assert {service.settled(delivery_id)["state"] for delivery_id in ids} == {"recorded"}
    assert len(service.billed(customer)) == 20


@pytest.mark.parametrize("first", ["the database", "Redis"])
def test_both_away_and_back_in_either_order(service: Service, customer: str, first: str) -> None:
    taken = [service.take(helpdesk(solved(customer))) for _ in range(5)]
    post = helpdesk(solved(customer))
    with service.database.away():
        service.valkey.kill()
        assert service.post(post).status_code == 503
        assert service.http("GET", "/livez").status_code == 200
        if first == "Redis":
            service.valkey.make_new()
            assert service.post(post).status_code == 503
    wait_until(lambda: service.post(post).is_success, what="taking deliveries again")
    taken.append(service.post(post).json()["delivery"])
    assert {service.settled(one, seconds=30)["state"] for one in taken} == {"recorded"}
    service.valkey.make_new()
    assert len(service.billed(customer)) == 6
