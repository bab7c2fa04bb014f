"""A POST of many events bills all of its outcomes or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.service import Service
from tests.support.vendors import crm, won

pytestmark = pytest.mark.acceptance


def _a_hundred(customer: str) -> list[dict[str, Any]]:
    """Three that bill among others that do not."""
    events = [won(customer, stage="lost") for _ in range(100)]
    for place in (0, 42, 99):
        events[place] = won(customer)
    return events


def test_a_batch_of_100_events_of_which_3_bill(service: Service, customer: str) -> None:
    events = _a_hundred(customer)
    delivery = service.settle(crm(events))
    assert delivery["state"] == "recorded"
    assert [one["event_index"] for one in delivery["outcomes"]] == [0, 42, 99]
    billed = service.billed(customer)
    assert {(one["delivery_id"], one["amount"], one["currency"]) for one in billed} == {
        (delivery["id"], "400.00", "EUR")
    }
    keys = {f'["crm","deal-won","{events[place]["deal"]}"]' for place in (0, 42, 99)}
    assert {one["outcome_key"] for one in billed} == keys
    assert len(billed) == 3


def test_an_outcome_reported_twice_in_one_batch_bills_once(service: Service, customer: str) -> None:
    event = won(customer)
    delivery = service.settle(crm([event, event | {"attempt": 2}]))
    assert sorted(one["verdict"] for one in delivery["outcomes"]) == ["charged", "duplicate"]
    assert len(service.billed(customer)) == 1


def test_one_bad_event_holds_back_its_batch_until_it_is_fixed(
    service: Service, customer: str
) -> None:
    events = _a_hundred(customer)
    events[50] = won(customer, account=customer)  # no such account is in the table yet
    failed = service.settle(crm(events))
    assert (failed["state"], failed["reason"], failed["rule"]) == ("failed", "unmapped", "deal-won")
    assert "holds back 3 good outcomes" in failed["detail"]
    assert (failed["outcomes"], service.billed(customer)) == ([], [])
    (group,) = [
        one for one in service.api("failures")["items"] if one["example_delivery"] == failed["id"]
    ]
    assert group["outcomes_held_back"] >= 3

    table = service.mappings / "tables" / "accounts.yaml"
    with service.reloaded():
        table.write_text(f'{table.read_text()}"{customer}": {customer}\n')
    assert service.replay(ids=[failed["id"]])["recorded"] == 1
    assert service.settled(failed["id"])["state"] == "recorded"
    assert len(service.billed(customer)) == 4
    again = service.replay(ids=[failed["id"]], state="recorded")
    assert (again["unchanged"], again["differences"]) == (1, [])
    assert len(service.billed(customer)) == 4
