"""What waits is settled: after days, by the ten thousand, and beside what kills its process.

`BACKLOG_DELIVERIES=100000` is the long form of the long backlog.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from tests.support.backlog import put_in
from tests.support.processes import wait_until
from tests.support.service import Server, Service
from tests.support.vendors import crm, helpdesk, slow_to_map, solved, won

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
MANY = int(os.environ.get("BACKLOG_DELIVERIES", "8000"))
#: What a worker may grow by, whatever waits: some bodies, some hundred outcomes, ids.
GROWTH_BYTES = 150 * 1024 * 1024
#: How long a new delivery may take while old ones are worked off.
NEWS_SECONDS = 10.0


def test_a_worker_that_was_away_for_two_days_settles_by_what_held_then(
    own_service: Service, customer: str
) -> None:
    """Price and age are those of the day on which it was received; Redis knows of nothing."""
    service = own_service
    now = datetime.now(UTC)
    service.edit(
        "agents.yaml",
        'ticket-resolved: {price: "0.99", currency: USD}',
        'ticket-resolved: [{price: "0.99", currency: USD},'
        f' {{price: "5.00", currency: USD, from: {(now - timedelta(days=1)).date()}}}]',
    )
    then = now - timedelta(days=2, minutes=5)
    old = put_in(service.database.url, [solved(customer) for _ in range(20)], received_at=then)
    at = int((then - timedelta(days=399)).timestamp() * 1000)
    barely = put_in(service.database.url, [[won(customer, at=at)]], source="crm", received_at=then)
    service.valkey.flush()
    service.start_web()
    fresh = service.take(helpdesk(solved(customer)))
    too_old = service.take(crm([won(customer, at=at)]))
    service.start_worker()
    states = {one: service.settled(one, seconds=30)["state"] for one in (*old, *barely, fresh)}
    assert set(states.values()) == {"recorded"}
    assert service.settled(too_old)["reason"] == "mapping", "399 days then are 401 now"
    amounts = {one["delivery_id"]: one["amount"] for one in service.billed(customer)}
    assert {amounts[one] for one in old} == {"0.99"}
    assert amounts[fresh] == "5.00"


def _peak_bytes(process: psutil.Process) -> int:
    """The most memory that it has had."""
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmHWM")


def _waiting(service: Service) -> int:
    return int(service.api("status")["received"])


@pytest.mark.only("sqlite")
def test_many_thousand_are_worked_off_in_bounded_memory_and_news_is_not_kept_waiting(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    put_in(service.database.url, [solved(customer, note="x" * 600) for _ in range(MANY)])
    worker = service.start_worker()
    process = psutil.Process(worker.pid)
    before = _peak_bytes(process)
    slowest, looks = 0.0, 0.0
    while (left := _waiting(service)) > 500:
        posted_at = time.monotonic()
        service.settled(service.take(helpdesk(solved(customer))), seconds=NEWS_SECONDS)
        if left > 2_000:
            slowest = max(slowest, time.monotonic() - posted_at)
        asked_at = time.monotonic()
        assert service.http("GET", "/readyz").status_code == 200
        looks = max(looks, time.monotonic() - asked_at)
    assert slowest > 0, "there was no backlog"
    assert looks < 2
    asked_at = time.monotonic()
    assert service.run("status").code == 0
    assert time.monotonic() - asked_at < 20
    wait_until(service.all_settled, seconds=60, what="settling all")
    growth = _peak_bytes(process) - before
    assert growth < GROWTH_BYTES, f"{growth / 1e6:.0f} MB"
    ((billed,),) = service.database.rows("SELECT count(*) FROM billing_events")
    assert int(billed) == int(service.api("status")["recorded"])


@pytest.mark.only("sqlite")
def test_large_bodies_are_worked_off_a_few_at_a_time(own_service: Service, customer: str) -> None:
    service = own_service
    service.start_web()
    large = [solved(customer, note="x" * 1_000_000) for _ in range(120)]
    put_in(service.database.url, large)
    worker = service.start_worker()
    process = psutil.Process(worker.pid)
    before = _peak_bytes(process)
    wait_until(service.all_settled, seconds=60, what="settling all")
    growth = _peak_bytes(process) - before
    assert growth < GROWTH_BYTES, f"{growth / 1e6:.0f} MB"
    assert len(service.billed(customer)) == 120


@pytest.mark.only("sqlite")
def test_a_source_that_maps_for_seconds_leaves_the_others_their_latency(
    own_service: Service, customer: str
) -> None:
    """Real expressions, at the edge of the steps that they may take; its heart beats on."""
    service = own_service
    service.start_web()
    service.start_worker()
    slow = [service.take(slow_to_map(f"{customer}-{number}")) for number in range(6)]
    slowest, settled = 0.0, 0
    while not service.all_settled():
        posted_at = time.monotonic()
        found = service.settled(service.take(helpdesk(solved(customer))), seconds=NEWS_SECONDS)
        assert found["state"] == "recorded"
        slowest = max(slowest, time.monotonic() - posted_at)
        settled += 1
        ready = service.http("GET", "/readyz").json()
        assert "worker" not in {problem["name"] for problem in ready["problems"]}
    assert settled > 3, "the slow ones were quick"
    assert slowest < NEWS_SECONDS
    states = {service.settled(one)["state"] for one in slow}
    assert states == {"recorded"}


def _start_poisoned(service: Service) -> Server:
    program = (sys.executable, "-m", "tests.acceptance.poisoned")
    return service.spawn("poisoned", ["work"], {"PYTHONPATH": str(ROOT)}, program=program)


@pytest.mark.only("sqlite")
def test_a_poison_delivery_kills_five_workers_and_no_neighbour(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    events = [solved(customer) for _ in range(60)]
    posts = [helpdesk(event) for event in events]
    good = [service.take(post) for post in posts[:30]]
    poison = service.take(helpdesk(solved(customer, note="poison")))
    good += [service.take(post) for post in posts[30:]]

    for death in range(1, 6):
        worker = _start_poisoned(service)
        assert worker.wait(seconds=40) == -signal.SIGKILL
        found = service.api(f"deliveries/{poison}")
        assert (found["state"], found["attempts"]) == ("received", death)
    last = _start_poisoned(service)
    found = service.settled(poison, seconds=40)
    assert (found["state"], found["reason"], found["attempts"]) == ("failed", "internal", 5)
    assert last.is_alive()
    # Twice it took its batch along; then each was alone, those that broke off least first.
    settled = [service.settled(one, seconds=40) for one in good]
    assert {one["state"] for one in settled} == {"recorded"}
    assert max(one["attempts"] for one in settled) < 5
    assert service.settle(helpdesk(solved(customer)))["state"] == "recorded"
    assert len(service.billed(customer)) == 61
