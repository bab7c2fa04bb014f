"""A payload that would blow up its mapping, in a real worker: its memory stays, others go on."""

from __future__ import annotations

import pytest

from tests.support.memory import MIB, needs_proc, peak_bytes
from tests.support.service import Service
from tests.support.vendors import helpdesk, solved

pytestmark = pytest.mark.acceptance

GREEDY = """\
source: greedy
verify:
  scheme: standard-webhooks
  secrets: [SLOW_SECRET]
outcomes:
  - name: resolved
    when: '"agent" in event.tags.split(",").map(tag, tag.trim())'
    agent: support-agent
    customer: ${{ event.customer }}
    indicator: ticket-resolved
    once_per: ${{ event.customer }}
"""


@needs_proc
def test_it_fails_as_mapping_beside_deliveries_that_bill(
    own_service: Service, customer: str
) -> None:
    service = own_service
    (service.mappings / "greedy.yaml").write_text(GREEDY)
    service.start_web()
    service.start_worker()
    secret = service.environment["SLOW_SECRET"]

    def greedy(tags: str) -> str:
        payload = {"tags": tags, "customer": customer}
        return service.take(helpdesk(payload, source="greedy", secret=secret))

    hostile = [greedy("a," * 5_000), greedy("a," * 500_000)]
    beside = service.take(helpdesk(solved(customer)))
    failed = [service.settled(one, seconds=60) for one in hostile]
    for one in failed:
        assert (one["state"], one["reason"], one["rule"]) == ("failed", "mapping", "resolved")
        assert "256 MiB" in one["detail"]
        assert "event.tags.split" in one["detail"]
    assert service.settled(beside)["state"] == "recorded"
    assert service.settled(greedy("x, agent"))["state"] == "recorded"
    assert peak_bytes(service.worker.pid) < 400 * MIB
