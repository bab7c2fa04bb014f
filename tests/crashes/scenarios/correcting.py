"""Corrections by hand: each step of them."""

from __future__ import annotations

from tests.crashes.scenario import crashes
from tests.crashes.stage import TICKET_MICROS, Stage
from tests.support.processes import wait_until


@crashes(
    "commit in jobs.corrections.runner:_Run._step",
    kills="command",
    passing=2,
    tuned={"jobs.corrections.request:STEP": 2},
)
def a_correction_by_hand_is_cut_off(stage: Stage) -> None:
    """What is taken back is noted with it, by steps; a second `reverse` takes back the rest."""
    stage.send(*stage.tickets(5), bills={"USD": TICKET_MICROS})
    stage.settle()
    reverse = ("reverse", "--customer", stage.customer, "--note", "a crash test", "--yes")
    stage.doomed_command(*reverse)
    done = 2 if stage.is_before else 4
    assert _taken_back(stage) == _noted(stage) == done
    again = stage.run(*reverse, "--json")
    assert (again.json["reversed"], again.json["unchanged"]) == (5 - done, 0)
    assert _taken_back(stage) == _noted(stage) == 5
    stage.owed["USD"] -= 5 * TICKET_MICROS


@crashes(
    "commit in jobs.corrections.runner:_Run._step",
    kills="command",
    passing=2,
    tuned={"jobs.corrections.request:STEP": 2},
)
def rebilling_is_cut_off(stage: Stage) -> None:
    """What is billed again is taken back and charged together; a second run does the rest."""
    stage.send(*stage.tickets(5), bills={"USD": TICKET_MICROS})
    stage.settle()
    rebill = ("reverse", "--customer", stage.customer, "--rebill", "--note", "a price", "--yes")
    _edit(stage, '"0.99"', '"1.20"')
    try:
        stage.doomed_command(*rebill)
        assert _taken_back(stage) == (2 if stage.is_before else 4)
        stage.run(*rebill)
    finally:
        _edit(stage, '"1.20"', '"0.99"')
    assert _taken_back(stage) == 5
    stage.owed["USD"] = 5 * 1_200_000
    stage.charges_of_a_key = 2


def _edit(stage: Stage, old: str, new: str) -> None:
    """A price changes; afterwards the service that runs has it in force, and so the database."""
    with stage.service.reloaded():
        stage.service.edit("agents.yaml", old, new)
    refused = 2
    rehearse = ("reverse", "--customer", stage.customer, "--rebill", "--dry-run")
    wait_until(
        lambda: stage.service.run(*rehearse).code != refused, seconds=10, what="the price in force"
    )


def _taken_back(stage: Stage) -> int:
    reversals = "SELECT count(*) FROM billing_events WHERE kind = 'reversal'"
    ((count,),) = stage.rows(f"{reversals} AND customer_id = '{stage.customer}'")
    return int(count)


def _noted(stage: Stage) -> int:
    """How many charges the actions say were reversed."""
    noted = stage.rows('SELECT "filter", "count" FROM actions WHERE kind = \'reverse\'')
    return sum(int(count) for where, count in noted if stage.customer in where)
