"""A customer is erased while its deliveries keep coming in."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import Post, crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance


@contextlib.contextmanager
def sending(service: Service, posts: list[Post]) -> Iterator[list[int]]:
    """Vendors send these meanwhile, each until it gets a 2xx; how often they were answered 503."""
    refused: list[int] = []

    def send() -> None:
        for post in posts:
            while not service.post(post).is_success:
                refused.append(1)

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield refused
    finally:
        thread.join(60)
    assert not thread.is_alive()


def test_a_customer_is_erased_while_its_deliveries_come_in(service: Service, customer: str) -> None:
    tickets = [solved(customer, ticket=f"T-{customer[-12:]}-{number}") for number in range(20)]
    deals = [won(customer), won(f"{customer}-partner")]
    deals[1]["customer"] = f"{customer}-partner"
    shared = service.take(crm(deals))
    for event in tickets[:10]:
        service.take(helpdesk(event))
    wait_until(service.all_settled)
    # Copies of what is billed, and outcomes that are new, before, during and after.
    copies = [helpdesk(event) for event in tickets]
    with sending(service, copies):
        ran = service.run(
            "purge", "--customer", customer, "--note", f"of {customer}", "--yes", "--json"
        )
    assert ran.code == 0, ran
    stand_in = ran.json["pseudonym"]
    wait_until(service.all_settled)

    assert service.billed(customer) == []
    lines = service.billed(stand_in)
    assert sorted(line["amount"] for line in lines) == ["0.99"] * 20 + ["400.00"]
    assert len({line["outcome_key"] for line in lines}) == 21
    assert service.settled(shared)["evidence"] == "purged"
    (other,) = service.billed(f"{customer}-partner")
    assert (other["amount"], other["meta_tags"]) == ("400.00", {"stage": "won"})

    assert service.run("purge", "--customer", customer, "--yes").code == 0
    found = service.ask("purge", "--customer", customer, "--yes")
    assert (found["outcomes"], found["billing_events"], found["bodies"]) == (0, 0, 0)
    for table, texts in PLACES.items():
        said = service.database.rows(f"SELECT {texts} FROM {table}")  # noqa: S608 - from above
        assert not [row for row in said if _has(row[0], customer)]
    (noted,) = service.database.rows(
        f"SELECT note FROM actions WHERE kind = 'purge' AND note = 'of {stand_in}'"  # noqa: S608 - from above
    )
    assert noted == (f"of {stand_in}",)
    # A last reversal finds its charge.
    undone = {"type": "ticket.reopened", "ticket": tickets[0]["ticket"]}
    assert service.settle(helpdesk(undone))["outcomes"][0]["verdict"] == "reversed"
    assert service.run("status").code == 0


PLACES = {
    "billing_events": "customer_id || ' ' || outcome_key || ' ' || CAST(meta_tags AS text)",
    "outcomes": "coalesce(customer_id, '') || ' ' || outcome_key",
    "customers": "id",
    "outcome_keys": "outcome_key",
    "actions": "coalesce(note, '') || CAST(detail AS text) || CAST(\"filter\" AS text)",
}


def _has(text: str, customer: str) -> bool:
    return customer in text.replace(f"{customer}-partner", "")
