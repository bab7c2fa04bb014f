"""Old bodies going, which a worker may die in the middle of."""

from __future__ import annotations

from tests.crashes.scenario import crashes
from tests.crashes.stage import Stage
from tests.support.processes import wait_until

DAYS = "RECEIVER_RETENTION_DAYS"
MONTH_AGO = {
    "sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now', '-31 days')",
    "postgresql": "now() - interval '31 days'",
}


@crashes("commit in jobs.privacy.evidence:remove_bodies", kills="worker")
def a_step_of_retention_is_cut_off(stage: Stage) -> None:
    """A body is there or gone whole; the next worker removes the rest; what they billed stays."""
    stage.tell()
    stage.settle()
    stage.installation.kill("worker")
    dialect = stage.service.database.url.partition("+")[0]
    ids = ", ".join(f"'{one}'" for one in stage.acknowledged)
    stage.rows(f"UPDATE deliveries SET received_at = {MONTH_AGO[dialect]} WHERE id IN ({ids})")  # noqa: S608 - from above
    stage.service.environment[DAYS] = "30"
    try:
        stage.doomed()
        stage.dies()
        left = f"SELECT id FROM deliveries WHERE id IN ({ids}) AND evidence = 'kept'"  # noqa: S608 - from above
        assert len(stage.rows(left)) == (len(stage.acknowledged) if stage.is_before else 0)
        stage.restart()
    finally:
        del stage.service.environment[DAYS]
    wait_until(lambda: not stage.rows(left), seconds=30, what="removal of old bodies")
    half = "SELECT id FROM deliveries WHERE (evidence = 'kept') = (body IS NULL)"
    assert stage.rows(half) == []
