"""The service's own look at its books, which a worker may die in the middle of."""

from __future__ import annotations

from jobs.audits.auditor import AUDITS
from tests.crashes.scenario import crashes
from tests.crashes.stage import Stage
from tests.support.processes import wait_until

HASTE = {"jobs.audits.auditor:LEASE_SECONDS": 0.2}


def _round_is_cut_off(stage: Stage) -> None:
    stage.installation.kill("worker")
    stage.tell()
    stage.rows("DELETE FROM audits")  # each is due at once
    stage.doomed()
    stage.dies()
    stage.restart()
    stage.settle()
    made = "SELECT name FROM audits WHERE checked_at IS NOT NULL"
    wait_until(
        lambda: AUDITS.keys() <= {row[0] for row in stage.rows(made)},
        seconds=30,
        what="a round of each audit",
    )
    assert stage.rows("SELECT name, found FROM audits WHERE found <> 0") == []


@crashes("commit in jobs.audits.auditor:Auditor._claim", kills="worker", tuned=HASTE)
def a_round_of_an_audit_is_claimed(stage: Stage) -> None:
    """The next worker makes the round that was cut off; no audit finds anything."""
    _round_is_cut_off(stage)


@crashes("commit in jobs.audits.auditor:Auditor._store", kills="worker", tuned=HASTE)
def a_round_of_an_audit_is_kept(stage: Stage) -> None:
    """The next worker makes a round that was made and not kept; no audit finds anything."""
    _round_is_cut_off(stage)
