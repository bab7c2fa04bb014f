"""Files, tables, prices and secrets take effect in all processes within 3 s, by themselves."""

from __future__ import annotations

import base64
import itertools
import time

import pytest

from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import SECRETS, crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance

DESK = """\
source: {name}
verify: {{scheme: standard-webhooks, secrets: [{secret}]}}
outcomes:
  - name: resolved
    when: event.type == "ticket.resolved"
    agent: support-agent
    customer: ${{{{ event.customer }}}}
    indicator: ticket-resolved
    once_per: ${{{{ id(event.ticket) }}}}
"""


def test_a_new_source_with_its_secret_is_open_within_3_s_and_bills(
    service: Service, customer: str
) -> None:
    """A mapping file and a secret, both put there while web and worker run."""
    key = "whsec_" + base64.b64encode(customer.encode().ljust(24, b"x")[:24]).decode()
    post = helpdesk(solved(customer), source="fresh", secret=key)
    assert service.post(post).status_code == 404
    (service.secrets / "FRESH_SECRET").write_text(key)
    (service.mappings / "fresh.yaml").write_text(DESK.format(name="fresh", secret="FRESH_SECRET"))
    wait_until(lambda: service.post(post).status_code == 202, seconds=3, what="opening it")
    wait_until(lambda: service.billed(customer), seconds=3, what="billing")


def test_a_changed_secret_counts_and_the_one_before_no_longer(
    service: Service, customer: str
) -> None:
    before, after = SECRETS["TICKETS_SECRET"], SECRETS["ROTATING_NEW_SECRET"]
    path = service.secrets / "LATE_SECRET"
    path.write_text(before)
    old = [helpdesk(solved(customer), source="late", secret=before) for _ in range(2)]
    new = helpdesk(solved(customer), source="late", secret=after)
    wait_until(lambda: service.post(old[0]).is_success, seconds=3, what="the first secret")
    path.write_text(after)
    wait_until(lambda: service.post(new).is_success, seconds=3, what="the second secret")
    assert service.post(old[1]).status_code == 401
    path.unlink()
    wait_until(lambda: service.post(old[1]).status_code == 503, seconds=3, what="shutting it")


def test_a_table_counts_in_every_process(service: Service, customer: str) -> None:
    unmapped = service.settle(crm([won("", account=customer)]))
    assert unmapped["reason"] == "unmapped"
    table = service.mappings / "tables" / "accounts.yaml"
    text = table.read_text()
    with service.reloaded():
        table.write_text(f'{text}"{customer}": {customer}\n')
    assert service.settle(crm([won("", account=customer)]))["state"] == "recorded"
    assert len(service.billed(customer)) == 1


def test_a_price_counts_from_the_next_delivery(service: Service, customer: str) -> None:
    service.settle(helpdesk(solved(customer)))
    own = f"    customers: {{{customer}: {{ticket-resolved: {{price: '0.55', currency: USD}}}}}}\n"
    text = (service.mappings / "agents.yaml").read_text()
    with service.reloaded():
        service.edit("agents.yaml", "    name: Support agent\n", f"    name: Support agent\n{own}")
    service.settle(helpdesk(solved(customer)))
    assert [one["amount"] for one in service.billed(customer)] == ["0.55", "0.99"]
    with service.reloaded():
        (service.mappings / "agents.yaml").write_text(text)


def test_a_half_written_file_is_loud_and_costs_only_itself(service: Service, customer: str) -> None:
    path = service.mappings / "tickets.yaml"
    whole = path.read_text()
    with service.reloaded():
        path.write_text(whole[: whole.index("indicator:") + 4])
    try:
        wait_until(
            lambda: "mappings" in [one["name"] for one in readyz(service)["problems"]],
            seconds=3,
            what="saying so",
        )
        for process in (service.web, service.worker):
            assert "tickets.yaml" in process.logged("mappings.rejected")[-1]["problem"]
        assert service.run("check", "--offline").code == 1
        service.settle(helpdesk(solved(customer)))  # as it last was good
        service.settle(crm([won(customer)]))  # and its neighbour as ever
        assert len(service.billed(customer)) == 2
    finally:
        with service.reloaded():
            path.write_text(whole)
    wait_until(lambda: not mapping_problems(service), seconds=3, what="being well again")


def readyz(service: Service) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = service.http("GET", "/readyz").json()
    return found


def mapping_problems(service: Service) -> list[dict[str, str]]:
    return [one for one in readyz(service)["problems"] if one["name"] == "mappings"]


def test_deliveries_under_way_use_one_version_throughout(service: Service, customer: str) -> None:
    """An edit changes customer and tag together; no outcome has one of each."""
    source = (service.mappings / "rekeyed.yaml").read_text()
    path = service.mappings / "flipping.yaml"
    versions = itertools.cycle(["a", "b"])

    def flip() -> None:
        version = next(versions)
        text = source.replace("source: rekeyed", "source: flipping")
        text = text.replace("REKEYED_SECRET", "FLIPPING_SECRET")
        text = text.replace("${{ event.customer }}", f"{customer}-{version}")
        path.write_text(f"{text}    meta_tags: {{version: {version}}}\n")

    secret = "whsec_" + base64.b64encode(b"a secret of its own, which flips").decode()
    (service.secrets / "FLIPPING_SECRET").write_text(secret)
    with service.reloaded():
        flip()
    deliveries: list[str] = []
    for _ in range(3):
        flip()
        until = time.monotonic() + 2
        while time.monotonic() < until:
            post = helpdesk(solved(customer), source="flipping", secret=secret)
            deliveries.append(service.take(post))
    for delivery in deliveries:
        assert service.settled(delivery)["state"] == "recorded"
    billed = [one for version in "ab" for one in service.billed(f"{customer}-{version}")]
    assert len(billed) == len(deliveries)
    assert {(one["customer_id"], one["meta_tags"]["version"]) for one in billed} == {
        (f"{customer}-a", "a"),
        (f"{customer}-b", "b"),
    }


def test_a_replay_bills_what_its_dry_run_showed_or_is_refused(
    service: Service, customer: str
) -> None:
    """Edited, rehearsed and replayed at once: web process and worker look at different moments."""
    catalogue = service.mappings / "agents.yaml"
    before = catalogue.read_text()
    for number, price in enumerate(("1.11", "2.22", "3.33")):
        agent = f"agent-{number}-of-{customer}"
        delivery = service.settle(helpdesk(solved(customer, agent=agent)))
        assert delivery["reason"] == "unpriced"
        catalogue.write_text(
            before.replace(
                "agents:\n",
                f"agents:\n  {agent}:\n    name: New\n    indicators:\n"
                f'      ticket-resolved: {{price: "{price}", currency: USD}}\n',
            )
        )
        ids = {"ids": [delivery["id"]]}
        would = service.api("replays", body=ids | {"dry_run": True})
        assert would["amounts"] == [{"currency": "USD", "amount": price}]
        named = ids | {"mapping_version": would["mapping_version"]}
        done = service.replay(**named)
        assert (done["recorded"], done.get("not_replayed")) == (1, None)
        assert service.billed(customer)[0]["amount"] == price
        catalogue.write_text(before)
        gone = service.http(
            "POST", "/api/replays", headers={"authorization": service.bearer}, json=named
        )
        assert (gone.status_code, gone.json()["error"]) == (409, "mappings-changed")
    found = service.api("mappings")
    assert {one["role"] for one in found["processes"]} == {"web", "work"}
