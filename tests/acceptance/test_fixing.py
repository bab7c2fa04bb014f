"""A failure states its cause; fixed and replayed it bills once, replayed again nothing more."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from tests.support.service import Service
from tests.support.vendors import crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance


def _fate(delivery: dict[str, Any]) -> tuple[str, str, str]:
    return delivery["state"], delivery["reason"], delivery["rule"]


def test_an_agent_without_a_price_is_priced_replayed_and_billed_once(
    service: Service, customer: str
) -> None:
    agent = f"agent-of-{customer}"
    delivery = service.settle(helpdesk(solved(customer, agent=agent)))
    assert _fate(delivery) == ("failed", "unpriced", "resolved")
    assert agent in delivery["detail"]
    assert "agents.yaml" in delivery["detail"]
    assert service.billed(customer) == []

    with service.reloaded():
        service.edit(
            "agents.yaml",
            "agents:\n",
            f"agents:\n  {agent}:\n    name: New\n    indicators:\n"
            '      ticket-resolved: {price: "7.25", currency: USD}\n',
        )
    replayed = service.run("replay", "--reason", "unpriced", "--wait", "--yes", "--json")
    assert replayed.json["recorded"] >= 1, replayed
    assert service.settled(delivery["id"])["state"] == "recorded"
    (billed,) = service.billed(customer)
    assert (billed["agent_id"], billed["amount"]) == (agent, "7.25")

    again = service.replay(ids=[delivery["id"]], state="recorded")
    assert (again["unchanged"], again["differences"]) == (1, [])
    assert service.billed(customer) == [billed]


def test_a_missing_look_up_key_names_table_and_key(service: Service, customer: str) -> None:
    delivery = service.settle(crm([won(customer, account=f"unknown-{customer}")]))
    assert _fate(delivery) == ("failed", "unmapped", "deal-won")
    assert "accounts" in delivery["detail"]
    assert f"unknown-{customer}" in delivery["detail"]


def test_a_mapping_error_names_rule_field_and_expression(service: Service) -> None:
    event = won("unknown")
    del event["customer"]
    delivery = service.settle(crm([event]))
    assert _fate(delivery) == ("failed", "mapping", "deal-won")
    for named in ("deal-won", "customer", 'lookup("accounts", event.account) : event.customer'):
        assert named in delivery["detail"]


@pytest.mark.parametrize("value", ["", "   ", 1.5, True, None, ["a"], "x" * 257, "a\tb"])
def test_a_key_that_is_no_id_fails_and_never_bills(
    service: Service, customer: str, value: Any
) -> None:
    delivery = service.settle(helpdesk(solved(customer, ticket=value)))
    assert (delivery["state"], delivery["reason"]) == ("failed", "mapping")
    assert "once_per" in delivery["detail"]
    assert service.billed(customer) == []


def test_seconds_taken_for_milliseconds_fail(service: Service, customer: str) -> None:
    event = won(customer)
    delivery = service.settle(crm([event | {"at": event["at"] // 1000}]))
    assert _fate(delivery) == ("failed", "mapping", "deal-won")
    assert "occurred_at" in delivery["detail"]


def test_another_customer_for_one_outcome_is_a_conflict(service: Service, customer: str) -> None:
    event = solved(customer)
    service.settle(helpdesk(event))
    delivery = service.settle(helpdesk(event | {"customer": f"{customer}-2"}))
    assert _fate(delivery) == ("failed", "conflict", "resolved")
    assert len(service.billed(customer)) == 1
    assert service.billed(f"{customer}-2") == []


def test_a_repeat_of_what_failed_wakes_it_again(service: Service, customer: str) -> None:
    post = crm([won(customer, account=customer)])
    delivery = service.settle(post)
    assert delivery["state"] == "failed"
    table = service.mappings / "tables" / "accounts.yaml"
    with service.reloaded():
        table.write_text(f'{table.read_text()}"{customer}": {customer}\n')
    assert service.post(post).json() == {"status": "duplicate", "delivery": delivery["id"]}
    assert service.settled(delivery["id"])["state"] == "recorded"
    assert len(service.billed(customer)) == 1


def test_what_is_discarded_stays_away_until_it_is_replayed(service: Service, customer: str) -> None:
    delivery = service.settle(crm([won(customer, account=f"unknown-{customer}")]))
    before = service.api("status")
    this = {"ids": [delivery["id"]], "note": "a test"}
    assert service.api("discards", body=this | {"dry_run": True}) == {"matched": 1}
    assert service.api("discards", body=this)["matched"] == 1
    assert service.settled(delivery["id"])["state"] == "discarded"
    after = service.api("status")
    assert (after["failed"], after["discarded"]) == (before["failed"] - 1, before["discarded"] + 1)
    assert service.replay(ids=this["ids"], state="discarded")["failed"] == 1
    assert service.settled(delivery["id"])["state"] == "failed"


def test_a_dry_run_tells_what_a_replay_would_do_and_changes_nothing(
    service: Service, customer: str
) -> None:
    good, bad = solved(customer), solved(customer, agent=f"unpriced-{customer}")
    ids = [service.settle(helpdesk(event))["id"] for event in (good, bad)]
    still = service.api("replays", body={"ids": ids, "dry_run": True})
    assert (still["matched"], still["would"]) == (1, {"failed": 1})
    (named,) = still["still_failing"]
    assert named["delivery"] == ids[1]
    compared = service.api("replays", body={"ids": ids[:1], "state": "recorded", "dry_run": True})
    assert (compared["matched"], compared["differences"]) == (1, [])
    assert service.settled(ids[1])["state"] == "failed"
    assert len(service.billed(customer)) == 1


def test_a_replay_needs_a_filter(service: Service) -> None:
    headers = {"authorization": service.bearer}
    answer = service.http("POST", "/api/replays", headers=headers, json={})
    assert (answer.status_code, answer.json()["error"]) == (400, "bad-parameter")


def test_a_bad_edit_costs_only_itself(service: Service, customer: str) -> None:
    good = (service.mappings / "rekeyed.yaml").read_text()
    with service.reloaded():
        (service.mappings / "rekeyed.yaml").write_text(good.replace("once_per:", "once_pre:"))
    try:
        for source in ("tickets", "rekeyed"):  # the latter by its last good version
            delivery = service.settle(helpdesk(solved(customer), source=source))
            assert delivery["state"] == "recorded"
        ready = service.http("GET", "/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        (said,) = [one for one in ready.json()["problems"] if one["name"] == "mappings"]
        assert "rekeyed.yaml:" in said["summary"]
        assert "`once_per`" in said["summary"]
        complaint = service.run("status")
        assert (complaint.code, "rekeyed.yaml" in complaint.err) == (0, True)
    finally:
        with service.reloaded():
            (service.mappings / "rekeyed.yaml").write_text(good)


def test_good_mappings_pass_the_check(service: Service) -> None:
    # Others here bill from files that they take away again; what has billed is the next test's.
    assert service.ask("check", "--offline") == []


OLD, NEW = "once_per: ${{ id(event.ticket) }}", "once_per: ${{ event.customer }}"


def test_an_edited_key_is_refused_by_check_and_by_the_running_service(
    service: Service, customer: str
) -> None:
    """The ticket is reported again and bills nothing more; the lists show it."""
    event = solved(customer)
    service.settle(helpdesk(event, source="rekeyed"))
    (billed,) = service.billed(customer)
    with service.reloaded():
        service.edit("rekeyed.yaml", OLD, NEW)
    try:
        assert service.settle(helpdesk(event, source="rekeyed"))["state"] == "recorded"
        assert service.billed(customer) == [billed]
        refused = service.run("check")
        assert refused.code == 1
        said = "The once_per of `resolved`, which has billed, was `${{ id(event.ticket) }}`."
        for text in (
            refused.out,
            service.http("GET", "/readyz").text,
            service.web.logged("mappings.rejected")[-1]["problem"],
            service.worker.logged("mappings.rejected")[-1]["problem"],
            service.run("doctor").out,
        ):
            assert said in text
        assert "rekeyed.yaml" in service.run("status").err
        assert "a good rekeyed.yaml" in service.run("sources").out
        metrics = service.http("GET", "/metrics").text
        assert 'receiver_health_problems{check="mappings"} 1.0' in metrics
    finally:
        with service.reloaded():
            service.edit("rekeyed.yaml", NEW, OLD)
    assert "rekeyed.yaml" not in service.run("check").out


def test_a_replay_shows_what_was_rekeyed_on_purpose_and_bills_nothing_new(
    service: Service, customer: str
) -> None:
    events = [solved(customer) for _ in range(3)]
    ids = {service.settle(helpdesk(event, source="rekeyed"))["id"] for event in events}
    billed = service.billed(customer)
    assert len(billed) == 3
    new = f"rekeyed: true\n    {NEW}"
    draft = service.root / f"draft-of-{customer}"
    shutil.copytree(service.mappings, draft)
    text = (draft / "rekeyed.yaml").read_text()
    (draft / "rekeyed.yaml").write_text(text.replace(OLD, new))
    warned = service.run("check", str(draft))
    assert "open charges (" in warned.err
    assert "so that no reversal reaches them any more." in warned.err
    with service.reloaded():
        service.edit("rekeyed.yaml", OLD, new)
    try:
        of_this = {"source": "rekeyed", "state": "recorded"}
        dry = service.api("replays", body=of_this | {"dry_run": True})
        done = service.replay(**of_this)
    finally:
        with service.reloaded():
            service.edit("rekeyed.yaml", new, OLD)
    assert done["unchanged"] == done["matched"] >= 3
    assert done["recorded"] == 0
    for differences in (dry["differences"], done["differences"]):
        mine = {one["delivery"]: one for one in differences if one["delivery"] in ids}
        assert mine.keys() == ids
        for one in mine.values():
            assert one["would_bill"]["outcome_key"] == f'["rekeyed","resolved","{customer}"]'
            assert one["billed"]["outcome_key"] in {event["outcome_key"] for event in billed}
    assert service.billed(customer) == billed
