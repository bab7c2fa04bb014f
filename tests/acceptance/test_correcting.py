"""Correcting what was billed, with the real command line: beforehand and afterwards."""

from __future__ import annotations

import shutil
import time
from typing import Any

import pytest

from tests.support.service import Service
from tests.support.vendors import crm, helpdesk, solved, won

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def _amounts(service: Service, customer: str) -> list[str]:
    """The customer's lines, in the order posted."""
    return [line["amount"] for line in reversed(service.billed(customer))]


def _reverse(service: Service, *arguments: str) -> Any:
    return service.ask("reverse", *arguments, "--note", "an acceptance test")


def test_what_is_reversed_by_hand_stays_reversed(service: Service, customer: str) -> None:
    ticket = solved(customer)
    delivery = service.settle(helpdesk(ticket))["id"]
    done = _reverse(service, delivery)
    assert (done["reversed"], done["amounts"]) == (1, [{"currency": "USD", "amount": "-0.99"}])
    assert (_reverse(service, delivery)["reversed"], _amounts(service, customer)) == (
        0,
        ["0.99", "-0.99"],
    )
    assert service.settle(helpdesk(ticket))["state"] == "recorded"
    assert service.replay(ids=[delivery], state="recorded")["unchanged"] == 1
    assert _amounts(service, customer) == ["0.99", "-0.99"]
    shown = service.api(f"deliveries/{delivery}")
    assert [one["verdict"] for one in shown["outcomes"]] == ["charged", "reversed"]
    assert shown == service.ask("show", delivery)
    assert service.run("status").code == 0


def test_a_deal_that_is_won_again_later_bills_after_a_reversal_by_hand(
    service: Service, customer: str
) -> None:
    deal = won(customer)
    service.settle(crm([deal]))
    assert _reverse(service, "--customer", customer, "--rule", "deal-won")["reversed"] == 1
    service.settle(crm([deal]))
    later = {**deal, "at": int(time.time() * 1000) + 1_000}
    service.settle(crm([later]))
    assert _amounts(service, customer) == ["400.00", "-400.00", "400.00"]


def test_a_wrong_price_is_seen_before_it_is_saved_and_mended_after_it_was(
    own_service: Service, customer: str
) -> None:
    own_service.start_web()
    own_service.start_worker()
    delivery = own_service.settle(helpdesk(solved(customer)))["id"]
    other = own_service.settle(crm([won(customer)]))["id"]
    edited = own_service.root / "edited"
    shutil.copytree(own_service.mappings, edited)
    agents = edited / "agents.yaml"
    agents.write_text(agents.read_text().replace('"0.99"', '"13.49"'))
    checked = own_service.run("check", str(edited), "--against", "7d")
    assert checked.code == 0, checked
    assert "+12.50 USD in all" in checked.out
    assert "tickets resolved: +12.50 USD" in checked.out
    assert _amounts(own_service, customer) == ["0.99", "400.00"]
    with own_service.reloaded():
        own_service.edit("agents.yaml", '"0.99"', '"13.49"')
    assert own_service.ask("check", "--against", "7d")["against"]["changed"] == 0
    would = own_service.ask("reverse", delivery, other, "--rebill", "--dry-run")
    did = _reverse(own_service, delivery, other, "--rebill")
    assert (did["rebilled"], did["unchanged"], did["refused"]) == (1, 1, 0)
    assert did["amounts"] == would["amounts"] == [{"currency": "USD", "amount": "12.50"}]
    assert _reverse(own_service, delivery, "--rebill")["unchanged"] == 1
    replayed = own_service.replay(source="tickets", state="recorded")
    assert replayed["differences"] == []
    assert _amounts(own_service, customer) == ["0.99", "400.00", "-0.99", "13.49"]
    assert _reverse(own_service, delivery)["amounts"] == [{"currency": "USD", "amount": "-13.49"}]
    assert own_service.run("status").code == 0
