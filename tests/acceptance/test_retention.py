"""Old bodies go while the service runs; what was billed, and what is known of it, stays."""

from __future__ import annotations

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance

MONTH_AGO = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-31 days')",
    "postgres": "now() - interval '31 days'",
}


def test_a_worker_with_retention_removes_old_bodies_and_nothing_else(
    own_service: Service, database_kind: str, customer: str
) -> None:
    service = own_service
    service.start_web()
    service.start_worker()
    post = crm([won(customer)])
    old = service.settle(post)
    failed = service.settle(crm([won(customer, account=f"unknown-{customer}")]))
    assert (old["state"], failed["state"]) == ("recorded", "failed")
    assert old["evidence"] == "kept"
    billed = service.billed(customer)
    service.worker.stop()
    service.database.rows(f"UPDATE deliveries SET received_at = {MONTH_AGO[database_kind]}")  # noqa: S608 - from above
    young = service.take(helpdesk(solved(customer)))

    worker = service.start_worker({"RECEIVER_RETENTION_DAYS": "30"})
    worker.wait_for_event("retention.round")
    assert worker.logged("retention.round")[0]["removed"] == 1
    service.settled(young)

    def evidence(delivery_id: str) -> tuple[str, bool, bool]:
        found = service.settled(delivery_id)
        return (found["evidence"], found["body"] is None, found["headers"] == {})

    assert evidence(old["id"]) == ("expired", True, True)
    assert evidence(failed["id"]) == evidence(young) == ("kept", False, False)
    assert service.settled(old["id"])["billing_events"] == old["billing_events"]

    # The same POST again is the same delivery, and bills nothing.
    assert service.post(post).json() == {"status": "duplicate", "delivery": old["id"]}
    wait_until(service.all_settled)
    assert [one for one in service.billed(customer) if one["source"] == "crm"] == billed
    replayed = service.replay(state="recorded")
    assert (replayed["unchanged"], replayed["unchanged_no_body"]) == (2, 1)
    ran = service.run("replay", "--state", "recorded", "--wait", "--yes")
    assert "2 unchanged (unchanged: no-body 1)" in ran.out
    assert service.run("status").code == 0
