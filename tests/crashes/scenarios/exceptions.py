"""The list of exceptions: brought up to date by a worker, and shortened by a person."""

from __future__ import annotations

from tests.crashes.scenario import crashes
from tests.crashes.stage import Stage
from tests.support.processes import wait_until
from tests.support.vendors import helpdesk, solved

HASTE = {"jobs.audits.auditor:LEASE_SECONDS": 0.2}


def _reversal_without_charge(stage: Stage) -> str:
    """Settle a reversal that finds no charge; its outcome key."""
    ticket = solved(stage.customer)["ticket"]
    stage.send(helpdesk({"type": "ticket.reopened", "ticket": ticket}))
    stage.settle()
    waiting = "SELECT outcome_key FROM outcomes WHERE verdict = 'waiting'"
    ((key,),) = stage.rows(f"{waiting} AND outcome_key LIKE '%{ticket}%'")
    return key


def _listed(stage: Stage, key: str) -> list[bool]:
    """For each row of the list about this key whether it is dismissed."""
    rows = stage.rows(
        "SELECT dismissed_by IS NULL, exceptions.outcome_id FROM exceptions"  # noqa: S608 - a key of ours
        f" JOIN outcomes ON outcomes.id = outcome_id WHERE outcome_key = '{key}'"
    )
    return [row[0] in ("0", "f") for row in rows]


def _dismissals(stage: Stage, key: str) -> int:
    noted = stage.rows("SELECT \"filter\" FROM actions WHERE kind = 'dismiss'")
    ticket = key.rpartition(",")[2].strip('"]')
    return sum(ticket in row[0] for row in noted)


def _dismiss(key: str) -> tuple[str, ...]:
    return ("exceptions", "--dismiss", key, "--note", "a crash test")


@crashes("commit in jobs.exceptions.register:refresh", kills="worker", tuned=HASTE)
def a_round_for_exceptions_is_cut_off(stage: Stage) -> None:
    """The next worker lists what was not listed yet; each exception is listed once."""
    key = _reversal_without_charge(stage)
    stage.installation.kill("worker")
    stage.rows("DELETE FROM exceptions")
    stage.rows("DELETE FROM audits")  # each is due at once
    stage.doomed()
    stage.dies()
    stage.restart()
    wait_until(lambda: bool(_listed(stage, key)), seconds=30, what="a round for exceptions")
    assert _listed(stage, key) == [False]
    stage.run(*_dismiss(key))


@crashes("commit in jobs.exceptions.customers:note_looks", kills="worker", tuned=HASTE)
def a_round_for_lookalikes_is_cut_off(stage: Stage) -> None:
    """The next worker works out what each customer's id looks like; no id is changed."""
    stage.tell()
    stage.settle()
    stage.installation.kill("worker")
    stage.rows("UPDATE customers SET looks_like = NULL")
    stage.rows("DELETE FROM audits")  # each is due at once
    before = stage.rows("SELECT id FROM customers ORDER BY id")
    stage.doomed()
    stage.dies()
    stage.restart()
    missing = "SELECT id FROM customers WHERE looks_like IS NULL"
    wait_until(lambda: not stage.rows(missing), seconds=30, what="a round for lookalikes")
    assert stage.rows("SELECT id FROM customers ORDER BY id") == before


@crashes("commit in jobs.exceptions.register:dismiss", kills="command")
def a_dismissal_is_cut_off(stage: Stage) -> None:
    """The exception is dismissed and who did it is noted, or neither; a second command does it."""
    key = _reversal_without_charge(stage)
    stage.doomed_command(*_dismiss(key))
    assert (_listed(stage, key), _dismissals(stage, key)) == (
        ([False], 0) if stage.is_before else ([True], 1)
    )
    if stage.is_before:
        stage.run(*_dismiss(key))
    stage.run("exceptions")
    assert (_listed(stage, key), _dismissals(stage, key)) == ([True], 1)
