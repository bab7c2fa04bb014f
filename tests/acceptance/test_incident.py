"""An incident from its first look to the last replay: thousands failed, a handful of causes."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.backlog import put_in
from tests.support.processes import wait_until
from tests.support.service import Service
from tests.support.vendors import SECRETS, crm, helpdesk, solved, won

pytestmark = pytest.mark.acceptance

NAMES = ["Jörg", "o'neil", 'the "best"', "山田", "a/b", "x`y`", "100 %", "semi;colon", "naïve café"]
#: What one live delivery may take from POST to settled while a replay is under way.
LIVE_SECONDS = 10.0


def _incident(count: int) -> Iterator[tuple[str, Any]]:
    """Deliveries of seven causes, no two of them alike."""
    for number in range(count):
        who = f"{NAMES[number % len(NAMES)]} {number}"
        match number % 7:
            case 0:
                yield "tickets", solved(who, agent=f"agent-{number}")
            case 1:
                yield "tickets", solved(who, ticket=number + 0.5)
            case 2:
                yield "tickets", f"<html>{who}</html>".encode()
            case 3:
                yield "crm", [won(who, account=f"{NAMES[number % len(NAMES)]}-{number}")]
            case 4:
                yield "crm", [won(who, at=1_700_000_000 + number)]
            case 5:
                yield "crm", [won(who), {"kind": "deal", "stage": "won", "deal": number}]
            case _:
                yield "rekeyed", solved("", ticket=f"T-{number}")


@pytest.mark.only("sqlite")
def test_thousands_of_failures_are_the_handful_of_causes_that_they_are(
    own_service: Service,
) -> None:
    """Each with a command that can be pasted into a shell and takes them up."""
    service = own_service
    sources: dict[str, list[Any]] = {}
    for source, payload in _incident(4_000):
        sources.setdefault(source, []).append(payload)
    for source, payloads in sources.items():
        put_in(service.database.url, payloads, source=source)
    service.start_web()
    service.start_worker()
    wait_until(service.all_settled, seconds=90, what="settling all")
    assert service.api("status")["failed"] == 4_000

    began = time.monotonic()
    groups = service.ask("failures")
    assert time.monotonic() - began < 15
    assert sum(group["count"] for group in groups) == 4_000
    assert len(groups) <= 9, [group["detail"] for group in groups]
    assert len({group["replay"] for group in groups}) == len(groups)
    for group in groups:
        found = _in_a_shell(service, f"{group['replay']} --dry-run --json")
        assert found["matched"] == group["count"]
    first = shlex.split(groups[0]["replay"])[1:]
    canary = service.run(*first, "--limit", "1", "--wait", "--yes", "--json")
    assert (canary.code, canary.json["matched"], canary.json["failed"]) == (1, 1, 1)


def _in_a_shell(service: Service, line: str) -> Any:
    """What a line prints that someone pastes, with `receiver` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    ran = subprocess.run(
        ["sh", "-c", line],
        check=False,
        capture_output=True,
        env={**service.environment, "PATH": path},
        cwd=service.root,
        timeout=60,
    )
    assert ran.returncode == 0, (line, ran.stderr)
    return json.loads(ran.stdout)


def _give_a_price(service: Service, agent: str) -> None:
    service.edit(
        "agents.yaml",
        "agents:\n",
        f"agents:\n  {agent}:\n    name: New\n    indicators:\n"
        '      ticket-resolved: {price: "7.25", currency: USD}\n',
    )


@pytest.mark.only("sqlite")
def test_a_replay_of_thousands_outlives_kills_and_leaves_live_traffic_its_latency(
    own_service: Service, customer: str
) -> None:
    service = own_service
    put_in(
        service.database.url,
        [solved(customer, agent="new-agent") for _ in range(3_000)],
        state="failed",
        reason="unpriced",
        rule="resolved",
        detail="no price",
    )
    _give_a_price(service, "new-agent")
    service.start_web()
    worker = service.start_worker()
    dry = service.ask("replay", "--reason", "unpriced", "--dry-run")
    assert dry["would"] == {"recorded": 3_000}
    assert dry["amounts"] == [{"currency": "USD", "amount": "21750.00"}]

    command = service.spawn("replay", ["replay", "--reason", "unpriced", "--wait", "--yes"])
    ids = [row[0] for row in _eventually(service, "SELECT id FROM replays")]
    (replay_id,) = ids

    def done() -> int:
        return int(service.api(f"replays/{replay_id}")["done"])

    wait_until(lambda: done() >= 100, seconds=30, what="the first steps")
    command.kill()
    worker.kill()
    cut_off_at = done()
    assert cut_off_at < 3_000
    service.start_worker()
    slowest = 0.0
    while (before := done()) < 2_500:
        posted_at = time.monotonic()
        live = service.settled(service.take(helpdesk(solved(f"{customer}-live"))))
        assert live["state"] == "recorded"
        slowest = max(slowest, time.monotonic() - posted_at)
        assert before < 3_000
    assert 0 < slowest < LIVE_SECONDS
    followed = service.run("replay", "--follow", replay_id, "--json")
    assert followed.code == 0
    ended = {name: followed.json[name] for name in ("state", "matched", "done", "recorded")}
    assert ended == {"state": "done", "matched": 3_000, "done": 3_000, "recorded": 3_000}
    ((sum_micros, lines, keys),) = service.database.rows(
        "SELECT sum(amount_micros), count(*), count(DISTINCT outcome_key) FROM billing_events"
        " WHERE agent_id = 'new-agent'"
    )
    assert (sum_micros, lines, keys) == (str(3_000 * 7_250_000), "3000", "3000")
    assert service.run("status").code == 0


def _eventually(service: Service, statement: str) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []

    def look() -> bool:
        found[:] = service.database.rows(statement)
        return bool(found)

    wait_until(look, seconds=20, what=statement)
    return found


def test_what_was_ignored_is_billed_once_a_rule_was_added(service: Service, customer: str) -> None:
    events = [solved(customer, type="ticket.escalated") for _ in range(3)]
    secret = SECRETS["ROTATING_NEW_SECRET"]
    ids = [
        service.settle(helpdesk(event, source="rotating", secret=secret))["id"] for event in events
    ]
    assert service.billed(customer) == []
    original = (service.mappings / "tickets.yaml").read_text()
    rule = (
        "\n  - name: escalated\n"
        '    when: event.type == "ticket.escalated"\n'
        "    agent: ${{ event.agent }}\n"
        "    customer: ${{ event.customer }}\n"
        "    indicator: ticket-resolved\n"
        "    once_per: ${{ id(event.ticket) }}\n"
    )
    with service.reloaded():
        (service.mappings / "tickets.yaml").write_text(original + rule)
    try:
        of_these = ["--state", "ignored", "--source", "rotating", "--reason", "no-outcome"]
        dry = service.ask("replay", *of_these, "--dry-run")
        assert (dry["matched"], dry["would"]) == (3, {"recorded": 3})
        assert service.ask("replay", *of_these, "--wait", "--yes")["recorded"] == 3
        assert {one["delivery_id"] for one in service.billed(customer)} == set(ids)
        assert service.ask("replay", *of_these, "--wait", "--yes")["matched"] == 0
    finally:
        # The rule has billed: to be rid of it would be refused, so it stays and matches nothing.
        unused = rule.replace('event.type == "ticket.escalated"', '"false"')
        with service.reloaded():
            (service.mappings / "tickets.yaml").write_text(original + unused)


def test_what_shadow_showed_is_billed_once_it_is_live(service: Service, customer: str) -> None:
    with service.reloaded():
        service.edit("rekeyed.yaml", "source: rekeyed\n", "source: rekeyed\nmode: shadow\n")
    shown = service.settle(helpdesk(solved(customer), source="rekeyed"))
    with service.reloaded():
        service.edit("rekeyed.yaml", "source: rekeyed\nmode: shadow\n", "source: rekeyed\n")
    assert (shown["state"], shown["reason"]) == ("ignored", "shadow")
    assert customer in shown["detail"]
    assert service.billed(customer) == []
    of_these = ["--state", "ignored", "--source", "rekeyed", "--reason", "shadow"]
    assert service.ask("replay", *of_these, "--wait", "--yes")["recorded"] >= 1
    assert len(service.billed(customer)) == 1


def test_replaying_all_that_is_recorded_changes_no_total(
    own_service: Service, customer: str
) -> None:
    """Of charges, reversals, batches, repeats, a conflict and a rule renamed since."""
    service = own_service
    service.start_web()
    service.start_worker()
    tickets = [solved(customer) for _ in range(6)]
    reopened = [event | {"type": "ticket.reopened"} for event in tickets[:3]]
    deals = [won(customer) for _ in range(5)]
    posts = [
        *(helpdesk(event) for event in tickets),
        *(helpdesk(event) for event in reopened),
        helpdesk(tickets[0]),
        helpdesk(tickets[5] | {"customer": f"{customer}-2"}),
        crm(deals),
        crm([deals[0], won(customer)]),
        helpdesk(solved(customer), source="rekeyed"),
    ]
    for post in posts:
        service.settled(service.take(post))
    failed = service.api("status")["failed"]
    assert failed == 1, "the conflict"
    with service.reloaded():
        service.edit("rekeyed.yaml", "name: resolved", "name: solved\n    was: [resolved]")

    def books() -> list[tuple[str, ...]]:
        return [
            row
            for table in ("billing_events", "outcomes", "customers")
            for row in service.database.rows(f"SELECT * FROM {table} ORDER BY id")  # noqa: S608 - tables named here
        ]

    before, revenue = books(), service.ask("revenue")
    assert service.ask("replay", "--state", "recorded", "--dry-run")["differences"] == []
    for _ in range(2):
        sure = ("--note", "to be sure", "--yes")
        done = service.ask("replay", "--state", "recorded", "--wait", *sure)
        assert done["matched"] == done["unchanged"] == len(posts) - failed
        assert done["differences"] == []
    assert service.run("replay", "--state", "failed", "--wait", "--yes").code == 1, "it fails again"
    assert books() == before
    assert service.ask("revenue") == revenue
    discarded = service.run(
        "discard", "--reason", "conflict", "--note", "a mistake", "--yes", "--json"
    )
    assert discarded.json["matched"] == 1
    noted = service.database.rows("SELECT kind, count, note FROM actions ORDER BY id")
    recorded = str(len(posts) - failed)
    assert noted == [
        ("replay", recorded, "to be sure"),
        ("replay", recorded, "to be sure"),
        ("replay", "1", ""),
        ("discard", "1", "a mistake"),
    ]
    assert service.run("status").code == 0
