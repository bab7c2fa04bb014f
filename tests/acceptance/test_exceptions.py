"""What was taken and not billed as expected, with real processes: listed at once, and ended."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.service import Service
from tests.support.vendors import helpdesk, solved

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def listed(service: Service, ticket: str) -> list[dict[str, Any]]:
    """The waiting reversals of the ticket; the same by the API and the command line."""
    by_api = service.api("exceptions", kind="waiting-reversal", examples=1000)["items"]
    said = service.ask("exceptions", "--kind", "waiting-reversal", "--examples", "1000")
    assert by_api == said
    examples = [one for item in by_api for one in item["examples"]]
    return [one for one in examples if f'"{ticket}"' in one["outcome_key"]]


def test_a_reversal_that_finds_no_charge_is_listed_with_the_charge_that_it_misses(
    service: Service, customer: str
) -> None:
    event = solved(customer)
    (billed,) = service.settle(helpdesk(event))["billing_events"]
    ticket = event["ticket"].upper()
    reopened = {"type": "ticket.reopened", "ticket": ticket}
    delivery = service.settle(helpdesk(reopened))["id"]
    assert service.api(f"deliveries/{delivery}")["verified_by"] == "TICKETS_SECRET"
    (found,) = listed(service, ticket)
    assert (found["delivery"], found["nearest_key"]) == (delivery, billed["outcome_key"])
    assert found["command"].startswith(f"receiver reverse {billed['id']} --note ")
    assert service.ask("reverse", billed["id"], "--note", "reopened", "--yes")["reversed"] == 1
    (found,) = listed(service, ticket)
    assert found["nearest_key"] is None
    done = service.ask("exceptions", "--dismiss", found["outcome_key"], "--note", "by hand")
    assert done == {"dismissed": 1}
    assert listed(service, ticket) == []
    assert service.ask("show", ticket)["open_charge"] is None
