"""FakeMappings someone of new failures, which the process that does so may die in the middle of."""

from __future__ import annotations

from collections import Counter

from tests.crashes.scenario import crashes
from tests.crashes.stage import Stage
from tests.support.alerts import place
from tests.support.processes import wait_until

HASTE = {"jobs.alerts.repository:LEASE_SECONDS": 0.5, "jobs.alerts.dispatcher:LEASE_SECONDS": 3.0}
ADDRESS = "RECEIVER_ALERT_URL"


def _sending_is_cut_off(stage: Stage, *, refused: int = 0) -> Counter[str]:
    """How often each alert was posted in the end; `refused` attempts were not accepted."""
    stage.settle_failing(1)
    stage.installation.kill("worker")
    stage.rows("DELETE FROM alerts")
    stage.rows("DELETE FROM audits WHERE name = 'alerts'")
    with place() as channel:
        channel.answers += [503] * refused
        stage.service.environment[ADDRESS] = channel.url
        try:
            stage.doomed()
            stage.dies()
            stage.restart()
            unsent = "SELECT count(*) FROM alerts WHERE sent_at IS NULL"
            wait_until(
                lambda: channel.posted and stage.rows(unsent) == [("0",)],
                seconds=60,
                what="all alerts sent",
            )
        finally:
            del stage.service.environment[ADDRESS]
            stage.installation.kill("worker")
        stage.installation.start("worker")
        posted = Counter(one.json["id"] for one in channel.posted)
    assert posted.keys() == {row[0] for row in stage.rows("SELECT id FROM alerts")}
    return posted


@crashes("commit in jobs.alerts.repository:AlertRepository.reconcile", kills="worker", tuned=HASTE)
def a_look_for_news_is_cut_off(stage: Stage) -> None:
    """Each new group of failures is sent once."""
    assert set(_sending_is_cut_off(stage).values()) == {1}


@crashes("commit in jobs.alerts.repository:AlertRepository.claim", kills="worker", tuned=HASTE)
def an_alert_is_claimed(stage: Stage) -> None:
    """Nothing was sent yet; another process sends it once."""
    assert set(_sending_is_cut_off(stage).values()) == {1}


@crashes("commit in jobs.alerts.repository:AlertRepository.sent", kills="worker", tuned=HASTE)
def an_alert_was_accepted(stage: Stage) -> None:
    """An alert sent and not marked so is sent again under the same id, and none a third time."""
    times = Counter(_sending_is_cut_off(stage).values())
    assert times[2] == (1 if stage.is_before else 0)
    assert times.keys() <= {1, 2}


@crashes("commit in jobs.alerts.repository:AlertRepository.not_sent", kills="worker", tuned=HASTE)
def an_alert_was_not_accepted(stage: Stage) -> None:
    """It is posted again under the same id until it is accepted."""
    times = Counter(_sending_is_cut_off(stage, refused=1).values())
    assert times[2] == 1
    assert times.keys() <= {1, 2}
