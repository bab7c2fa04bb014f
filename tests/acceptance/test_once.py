"""One outcome is billed once, whatever is sent again, changed, raced or undone."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.senders import post_at_once
from tests.support.service import Service
from tests.support.vendors import SECRETS, crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance


def test_one_post_becomes_one_billing_event_at_the_price_of_the_catalogue(
    service: Service, customer: str
) -> None:
    event = solved(customer)
    delivery = service.settle(helpdesk(event))
    assert (delivery["state"], delivery["reason"], delivery["source"]) == (
        "recorded",
        None,
        "tickets",
    )
    (billed,) = service.billed(customer)
    outcome_key = f'["tickets","resolved","{event["ticket"]}"]'
    assert billed == {
        "id": billed["id"],
        "kind": "charge",
        "agent_id": "support-agent",
        "customer_id": customer,
        "indicator": "ticket-resolved",
        "amount": "0.99",
        "currency": "USD",
        "occurred_at": delivery["received_at"],
        "recorded_at": billed["recorded_at"],
        "delivery_id": delivery["id"],
        "source": "tickets",
        "outcome": "resolved",
        "outcome_key": outcome_key,
        "sequence": 1,
        "reverses": None,
        "meta_tags": {},
    }
    assert delivery["billing_events"] == [billed]
    (outcome,) = delivery["outcomes"]
    assert (outcome["verdict"], outcome["billing_event_id"]) == ("charged", billed["id"])


def test_what_is_stored_is_what_was_sent(service: Service, customer: str) -> None:
    body = b'{"type": "ticket.resolved",\n "note": "Zo\xc3\xab",  "customer": "%s"}'
    sent = helpdesk(body % customer.encode())
    delivery_id = service.take(sent.with_headers(authorization="Bearer secret", x_more="kept"))
    found = service.settled(delivery_id)
    assert found["body"].encode() == sent.body
    assert found["headers"]["x-more"] == "kept"
    assert found["headers"]["webhook-id"] == sent.headers["webhook-id"]
    assert "authorization" not in found["headers"]


def test_a_post_of_no_interest_is_ignored(service: Service, customer: str) -> None:
    delivery = service.settle(helpdesk({"type": "ticket.commented", "customer": customer}))
    assert (delivery["state"], delivery["reason"]) == ("ignored", "no-outcome")
    assert service.billed(customer) == []


def test_the_same_post_again_is_a_duplicate_of_the_first(service: Service, customer: str) -> None:
    post = helpdesk(solved(customer))
    first = service.take(post)
    for _ in range(2):
        again = service.post(post)
        assert again.status_code == 200
        assert again.json() == {"status": "duplicate", "delivery": first}
    assert service.settled(first)["duplicates"] == 2
    late = service.post(post)
    assert (late.status_code, late.json()["delivery"]) == (200, first)
    assert len(service.billed(customer)) == 1


def test_an_unsigned_id_is_a_repeat_only_together_with_its_body(
    service: Service, customer: str
) -> None:
    event = won(customer)
    first = service.take(crm([event], delivery_id=customer))
    again = service.post(crm([event], delivery_id=customer))
    assert (again.status_code, again.json()["delivery"]) == (200, first)
    other_id = service.take(crm([event], delivery_id=f"{customer}-2"))
    other_body = service.take(crm([event | {"attempt": 2}], delivery_id=customer))
    assert len({first, other_id, other_body}) == 3


def test_a_signed_id_with_another_body_is_kept_as_reused(service: Service, customer: str) -> None:
    event = solved(customer)
    first = service.settle(helpdesk(event, message_id=customer))
    other = service.take(helpdesk(event | {"note": "changed"}, message_id=customer))
    assert other != first["id"]
    found = service.settled(other)
    assert (found["state"], found["reason"]) == ("failed", "id-reused")
    assert len(service.billed(customer)) == 1
    assert service.replay(ids=[other])["recorded"] == 1
    released = service.settled(other)
    assert (released["state"], released["outcomes"][0]["verdict"]) == ("recorded", "duplicate")
    assert len(service.billed(customer)) == 1


@pytest.mark.parametrize(
    "changed", [{}, {"note": "changed"}], ids=["another vendor id", "a changed body"]
)
def test_the_same_outcome_in_a_different_delivery_is_recorded_and_not_billed_again(
    service: Service, customer: str, changed: dict[str, str]
) -> None:
    event = solved(customer)
    first = service.settle(helpdesk(event))
    second = service.settle(helpdesk(event | changed))
    assert second["id"] != first["id"]
    assert second["state"] == "recorded"
    assert [one["verdict"] for one in second["outcomes"]] == ["duplicate"]
    assert second["billing_events"] == []
    (billed,) = service.billed(customer)
    assert billed["delivery_id"] == first["id"]


def test_a_reopened_ticket_takes_back_what_it_billed(service: Service, customer: str) -> None:
    event = solved(customer)
    service.settle(helpdesk(event))
    service.settle(helpdesk({"type": "ticket.reopened", "ticket": event["ticket"]}))
    reversal, charge = service.billed(customer)
    assert (charge["kind"], charge["amount"], charge["sequence"]) == ("charge", "0.99", 1)
    assert (reversal["kind"], reversal["amount"], reversal["sequence"]) == ("reversal", "-0.99", 2)
    assert reversal["reverses"] == charge["id"]
    (revenue,) = service.api("revenue", customer=customer)["items"]
    assert revenue == {"currency": "USD", "charges": 1, "reversals": 1, "amount": "0.00"}


async def test_200_concurrent_copies_are_one_delivery(service: Service, customer: str) -> None:
    await _copies_are_one(service, customer, [service.web.url])


async def test_200_copies_over_two_web_processes_are_one_delivery(
    service: Service, customer: str
) -> None:
    first = service.web
    with service.another_web() as other:
        await _copies_are_one(service, customer, [first.url, other.url])


async def _copies_are_one(service: Service, customer: str, urls: list[str]) -> None:
    answers = await post_at_once(urls, [helpdesk(solved(customer))] * 200)
    assert Counter(answer.status_code for answer in answers) == {202: 1, 200: 199}
    (delivery_id,) = {answer.json()["delivery"] for answer in answers}
    found = service.settled(delivery_id)
    assert (found["state"], found["duplicates"]) == ("recorded", 199)
    assert len(service.billed(customer)) == 1
    customers = service.database.rows("SELECT customer_id FROM billing_events")
    assert customers.count((customer,)) == 1


def _recover(service: Service, customer: str, kind: str, at: str, amount: str = "0") -> None:
    event = {"type": kind, "customer": customer, "deal": customer, "at": at, "amount": amount}
    post = helpdesk(event, source="recoveries", secret=SECRETS["TICKETS_SECRET"])
    assert service.settle(post)["state"] == "recorded"


def _lines(service: Service, customer: str) -> list[tuple[str, str]]:
    """Amount and time of the customer's billing events, in the order posted."""
    lines = reversed(service.billed(customer))
    return [(line["amount"], line["occurred_at"]) for line in lines]


def _hours_ago(hours: int) -> str:
    then = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=hours)
    return then.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize("rule", ["first", "latest"])
def test_an_amount_that_is_corrected_counts_by_the_rule(
    service: Service, customer: str, rule: str
) -> None:
    at = _hours_ago(3)
    _recover(service, customer, rule, at, "0")
    _recover(service, customer, rule, at, "100000")
    corrected = [("0.00", at), ("2500.00", at)] if rule == "latest" else []
    assert _lines(service, customer) == [("0.00", at), *corrected]


def test_the_day_of_a_charge_is_not_that_of_what_arrived_first(
    service: Service, customer: str
) -> None:
    earlier, later = _hours_ago(30), _hours_ago(3)
    _recover(service, customer, "first", later, "100")
    _recover(service, customer, "first", earlier, "100")
    assert _lines(service, customer) == [("2.50", later), ("-2.50", later), ("2.50", earlier)]


def test_what_is_restored_is_owed_again_at_its_amount_and_day(
    service: Service, customer: str
) -> None:
    won_at, deleted_at, restored_at = (_hours_ago(hours) for hours in (30, 20, 10))
    _recover(service, customer, "first", won_at, "100")
    _recover(service, customer, "restored", restored_at)
    _recover(service, customer, "deleted", deleted_at)
    assert _lines(service, customer) == [("2.50", won_at)]
    _recover(service, customer, "deleted", _hours_ago(5))
    _recover(service, customer, "restored", _hours_ago(4))
    assert [amount for amount, _ in _lines(service, customer)] == ["2.50", "-2.50", "2.50"]
    assert _lines(service, customer)[-1] == ("2.50", won_at)
