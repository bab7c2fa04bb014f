"""Killed, wiped or frozen at the worst moment: nothing acknowledged is lost or billed twice."""

from __future__ import annotations

import shutil
import signal
import time

import pytest

from tests.support.processes import wait_until
from tests.support.senders import Vendor
from tests.support.service import Server, Service
from tests.support.vendors import helpdesk, slow_to_map, solved

pytestmark = pytest.mark.acceptance


def _pairs(service: Service, statement: str) -> list[tuple[str, str]]:
    return [(first, second) for first, second in service.database.rows(statement)]


def _attempts(service: Service, delivery_id: str) -> int:
    """How often settling it began; known as soon as a worker has taken it up."""
    return int(dict(_pairs(service, "SELECT id, attempts FROM deliveries"))[delivery_id])


def _billed_twice(service: Service) -> list[tuple[str, str]]:
    """The keys with more than one posting, reported by the table and not by the service."""
    return _pairs(
        service,
        "SELECT outcome_key, count(*) FROM billing_events GROUP BY outcome_key HAVING count(*) > 1",
    )


def test_500_deliveries_survive_kills_and_a_wiped_valkey(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    service.start_worker()
    address = service.web.url
    port = int(address.rpartition(":")[2])
    vendor = Vendor(lambda: address)

    def kill_worker() -> None:
        service.worker.kill()
        service.start_worker()

    def kill_web() -> None:
        service.web.kill()
        service.start_web(port=port)

    def kill_both() -> None:
        service.web.kill()
        service.worker.kill()
        service.start_web(port=port)
        service.start_worker()

    disasters = [kill_worker, service.valkey.flush, kill_web, service.valkey.restart, kill_both]
    # Each outcome is reported by two deliveries, of which one bills.
    events = [solved(customer) for _ in range(250)] * 2
    posts = [helpdesk(event) for event in events]

    for number, disaster in enumerate(disasters):
        first = 100 * number
        with vendor.sending(posts[first : first + 100], first=first):
            vendor.wait_for(first + 30)
            disaster()

    assert vendor.tries > len(posts), "no disaster met a request"
    wait_until(service.all_settled, seconds=30, what="settling all")
    assert len(set(vendor.acknowledged.values())) == 500
    states = dict(_pairs(service, "SELECT id, state FROM deliveries"))
    assert states == dict.fromkeys(vendor.acknowledged.values(), "recorded")
    status = service.ask("status")
    assert (status["accepted"], status["recorded"], status["received"]) == (500, 500, 0)
    assert len(service.billed(customer)) == 250
    assert _billed_twice(service) == []


def test_what_a_killed_worker_had_taken_up_is_taken_up_within_10_s_of_a_restart(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    worker = service.start_worker()
    delivery_id = service.take(slow_to_map(customer))
    wait_until(lambda: _attempts(service, delivery_id) == 1, what="taking it up")
    worker.kill()
    assert service.api(f"deliveries/{delivery_id}")["state"] == "received"
    restarted_at = time.monotonic()
    service.start_worker()
    wait_until(lambda: _attempts(service, delivery_id) == 2, what="taking it up again")
    assert time.monotonic() - restarted_at < 10
    assert service.settled(delivery_id, seconds=30)["state"] == "recorded"
    assert len(service.billed(customer)) == 1


def _freeze_amid_mapping(service: Service, worker: Server, delivery_id: str) -> None:
    """SIGSTOP between taking it up and recording it, at a moment when others can write."""
    wait_until(lambda: _attempts(service, delivery_id) == 1, what="taking it up")

    def frozen_without_the_write_lock() -> bool:
        worker.signal(signal.SIGSTOP)
        if service.database.can_be_written():
            return True
        worker.signal(signal.SIGCONT)  # and between two looks it has time to let go
        return False

    wait_until(frozen_without_the_write_lock, seconds=30, what="freezing it during mapping")


def test_two_workers_of_different_mapping_versions_bill_one_delivery_once(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    frozen = service.start_worker()
    newer = service.root / "newer"
    shutil.copytree(service.mappings, newer)
    text = (newer / "slow.yaml").read_text().replace("!busy && event.bills", "event.bills")
    (newer / "slow.yaml").write_text(text)

    delivery_id = service.take(slow_to_map(customer))
    _freeze_amid_mapping(service, frozen, delivery_id)
    other = service.start_worker({"RECEIVER_MAPPINGS": str(newer)})
    delivery = service.settled(delivery_id, seconds=30)
    assert delivery["state"] == "recorded"
    frozen.signal(signal.SIGCONT)
    assert frozen.stop() == 0  # which lets it finish what it had taken up
    assert service.settled(delivery_id) == delivery
    (billed,) = service.billed(customer)
    assert billed["delivery_id"] == delivery_id
    assert _billed_twice(service) == []
    assert other.is_alive()


def test_while_two_mapping_versions_race_every_outcome_bills_once(
    own_service: Service, customer: str
) -> None:
    service = own_service
    service.start_web()
    newer = service.root / "newer"
    shutil.copytree(service.mappings, newer)
    with (newer / "tickets.yaml").open("a") as file:
        file.write("# another version of the same rules\n")
    service.start_worker()
    service.start_worker({"RECEIVER_MAPPINGS": str(newer)})

    def versions() -> int:
        return int(
            service.database.rows("SELECT count(DISTINCT mapping_version) FROM outcomes")[0][0]
        )

    outcomes = 0

    def both_took_part() -> bool:
        nonlocal outcomes
        event = solved(customer)
        outcomes += 1
        for _ in range(3):
            service.take(helpdesk(event))
        return versions() == 2

    wait_until(both_took_part, seconds=20, what="work for both workers")
    wait_until(service.all_settled, seconds=20, what="settling all")
    assert len(service.billed(customer)) == outcomes
    assert _billed_twice(service) == []
