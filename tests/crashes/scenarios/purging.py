"""A customer being erased: the ledger in one piece, bodies and texts step by step."""

from __future__ import annotations

import json

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage
from tests.support.vendors import helpdesk, solved

#: Where an id could be left behind, of what a purge reaches.
PLACES = {
    "billing_events": "customer_id = '{0}' OR outcome_key LIKE '%\"{0}\"%'",
    "outcomes": "customer_id = '{0}' OR outcome_key LIKE '%\"{0}\"%'",
    "customers": "id = '{0}'",
    "deliveries": "detail LIKE '% {0} %'",
    "replay_items": "CAST(differences AS text) LIKE '%\"{0}\"%'",
    "actions": "CAST(\"filter\" AS text) LIKE '%{0}%' OR note LIKE '%{0}%'",
}


def _left(stage: Stage, customer: str) -> list[str]:
    """The tables that still name the customer."""
    return [
        table
        for table, names_it in PLACES.items()
        if stage.rows(f"SELECT 1 FROM {table} WHERE {names_it.format(customer)}")  # noqa: S608 - from above
    ]


def _a_purge_is_cut_off(stage: Stage) -> None:
    customer, event = stage.customer, solved(stage.customer)
    stage.tell()
    stage.send(helpdesk(event), bills={"USD": TICKET_MICROS})
    stage.settle()
    stage.send(helpdesk({**event, "customer": f"{customer}-other"}), ends="failed")
    linked = [one for one, state in stage.acknowledged.items() if state == "recorded"]
    stage.service.api("replays", body={"ids": linked[:1], "state": "recorded"})
    stage.settle()
    differs = json.dumps([{"billed": {"customer_id": customer}}])
    fixed = f"UPDATE replay_items SET differences = '{differs}'"  # noqa: S608 - from above
    stage.rows(f"{fixed} WHERE delivery_id = '{linked[0]}'")
    stage.doomed_command("purge", "--customer", customer, "--note", f"asked by {customer}", "--yes")
    stage.send(helpdesk(event))  # whatever was reached, a copy bills nothing
    stage.settle()
    report = json.loads(stage.run("purge", "--customer", customer, "--yes", "--json").out)
    assert report["pseudonym"].startswith("purged-")
    assert _left(stage, customer) == []
    ids = ", ".join(f"'{one}'" for one in linked)
    assert stage.rows(f"SELECT id FROM deliveries WHERE id IN ({ids}) AND body IS NOT NULL") == []  # noqa: S608 - from above
    stage.customer = report["pseudonym"]


@crashes("commit in jobs.privacy.ledger:erase_from_ledger", kills="command")
def a_purge_is_cut_off_at_the_ledger(stage: Stage) -> None:
    """All of the ledger has the pseudonym or none; a copy bills nothing; `purge` again finishes."""
    _a_purge_is_cut_off(stage)


@crashes("commit in jobs.privacy.evidence:remove_bodies", kills="command", moments=["after"])
def a_purge_is_cut_off_between_bodies(stage: Stage) -> None:
    """Some bodies are gone; a copy bills nothing, and `purge` again removes the rest."""
    _a_purge_is_cut_off(stage)


@crashes("commit in jobs.privacy.references:rewrite_details", kills="command")
def a_purge_is_cut_off_between_details(stage: Stage) -> None:
    """Some details still name the id; a copy bills nothing, and `purge` again fixes the rest."""
    _a_purge_is_cut_off(stage)


@crashes("commit in jobs.privacy.references:rewrite_json", kills="command")
def a_purge_is_cut_off_between_notes(stage: Stage) -> None:
    """Some differences still name the id; a copy bills nothing; `purge` again fixes the rest."""
    _a_purge_is_cut_off(stage)
