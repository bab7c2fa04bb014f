"""Correcting what was billed, with the real command line: beforehand and afterwards."""

from __future__ import annotations

import shutil
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import crm, helpdesk, solved, won

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(300)]


def _amounts(service: Service, customer: str) -> list[str]:
    """The customer's lines, in the order posted."""
    return [line["amount"] for line in reversed(service.billed(customer))]


def _reverse(service: Service, *arguments: str) -> Any:
    return service.ask("reverse", *arguments, "--note", "an acceptance test", "--yes")


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


def test_what_was_reversed_by_hand_is_brought_back_and_then_billed_by_the_next_event(
    service: Service, customer: str
) -> None:
    ticket = solved(customer)
    delivery = service.settle(helpdesk(ticket))["id"]
    taken = _reverse(service, delivery)
    (reversal, charge) = service.billed(customer)
    refused = service.run("reverse", reversal["id"], "--note", "a test", "--yes")
    assert refused.code == 1
    assert f"receiver reinstate {reversal['id']}" in refused.err
    rebilled = _rebill(service, delivery)
    assert (rebilled.code, rebilled.json["refused"]) == (1, 1)
    assert f"receiver reinstate {charge['id']}" in rebilled.json["refusals"][0]["reason"]
    order = {"ids": [taken["id"]], "note": "no test", "dry_run": True}
    assert service.api("reinstatements", body=order)["reinstated"] == 1
    done = service.ask("reinstate", taken["id"], "--note", "no test", "--yes")
    assert (done["reinstated"], done["amounts"]) == (1, [{"currency": "USD", "amount": "0.99"}])
    line = service.billed(customer)[0]
    same = ("amount", "currency", "occurred_at", "delivery_id", "agent_id", "indicator")
    assert [line[name] for name in same] == [charge[name] for name in same]
    assert _rebill(service, delivery).json["unchanged"] == 1
    undone = {"type": "ticket.reopened", "ticket": ticket["ticket"]}
    assert service.settle(helpdesk(undone))["outcomes"][0]["verdict"] == "reversed"
    late = service.run("reinstate", charge["id"], "--note", "no test", "--yes")
    assert (late.code, "took it back" in late.out) == (1, True)
    assert _amounts(service, customer) == ["0.99", "-0.99", "0.99", "-0.99"]


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


def test_a_wrong_price_is_seen_before_it_is_saved_and_fixed_after_it_was(
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
    _edit(own_service, "agents.yaml", '"0.99"', '"13.49"')
    against = own_service.ask("check", "--against", "7d")["against"]  # with what was before
    assert (against["changed"], against["files_edited"]) == (1, ["agents.yaml"])
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


def _edit(service: Service, name: str, old: str, new: str) -> None:
    """Edit a mapping file; afterwards the edit is in force, and known to be in the database."""
    with service.reloaded():
        service.edit(name, old, new)
    refused = 2

    def is_known() -> bool:
        ran = service.run("reverse", "--source", "crm", "--rebill", "--dry-run", "--limit", "1")
        return ran.code != refused

    wait_until(is_known, seconds=10, what=f"the edit of {name} in the database")


def _rebill(service: Service, *arguments: str, **environment: str) -> Any:
    return service.run(
        "reverse", *arguments, "--rebill", "--note", "a wrong price", "--yes", "--json",
        environment=environment,
    )  # fmt: skip


def test_a_batch_is_rebilled_event_by_event_as_the_service_maps_and_not_as_the_shell(
    own_service: Service, customer: str
) -> None:
    """The price begins at midnight in Tokyo: a shell that is set to no zone is none of UTC."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    new = f'{{price: "990.00", currency: EUR, from: {today.date()}}}'
    old = '{price: "400.00", currency: EUR}'
    own_service.edit("agents.yaml", old, f"[{old}, {new}]")
    tokyo = {"RECEIVER_TIMEZONE": "Asia/Tokyo"}
    own_service.start_web(environment=tokyo)
    own_service.start_worker(tokyo)
    at = int((today - timedelta(hours=6)).timestamp() * 1000)
    erased, account = f"{customer}-erased", {"account": "4711"}
    first, last = ({**won(customer), "at": at} for _ in range(2))
    failing = {**won(customer), "at": at, **account}
    batch = own_service.settle(crm([first, first, failing]))["id"]
    shared = own_service.settle(crm([last, {**won(erased), "at": at}]))["id"]
    assert _amounts(own_service, customer) == ["990.00", "990.00"]
    # The shell has no zone, then no mappings, then another service's.
    for environment in ({}, {"RECEIVER_MAPPINGS": str(own_service.root / "nowhere")}):
        assert _rebill(own_service, batch, shared, **environment).json["unchanged"] == 4
    other = own_service.root / "other"
    shutil.copytree(own_service.mappings, other)
    (other / "agents.yaml").write_text((other / "agents.yaml").read_text().replace("990.00", "1"))
    assert _rebill(own_service, batch, RECEIVER_MAPPINGS=str(other)).code == 2
    assert own_service.run("purge", "--customer", erased, "--yes").code == 0
    _edit(own_service, "agents.yaml", '"990.00"', '"9.90"')
    without_body = _rebill(own_service, shared)
    assert (without_body.code, without_body.json["rebilled"]) == (1, 1)
    assert "a customer in it was erased" in without_body.json["refusals"][0]["reason"]
    _edit(own_service, "tables/accounts.yaml", '"4711"', '"4712"')
    by_event = _rebill(own_service, batch)
    assert (by_event.code, by_event.json["rebilled"]) == (1, 1)
    assert "its event fails now as unmapped" in by_event.json["refusals"][0]["reason"]
    assert _amounts(own_service, customer)[-4:] == ["-990.00", "9.90", "-990.00", "9.90"]
    checks = {one["name"]: one["status"] for one in own_service.run("doctor", "--json").json}
    assert {checks[name] for name in ("balance", "books", "records", "corrections")} == {"ok"}
