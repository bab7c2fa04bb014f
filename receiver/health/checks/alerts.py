"""Whether alerts get through."""

from __future__ import annotations

from jobs.alerts.repository import UnsentAlerts, read_unsent
from jobs.common.problem import Problem
from receiver.health.check import CheckContext, CheckResult


async def check_alerts(context: CheckContext) -> CheckResult:
    """Whether alerts are accepted where they are posted to."""
    if context.settings.alert_url is None:
        return CheckResult("alerts are off: RECEIVER_ALERT_URL is not set")
    return of_unsent(await read_unsent(context.database))


def of_unsent(unsent: UnsentAlerts) -> CheckResult:
    """What the alerts that wait to be sent mean."""
    summary = f"alerts are accepted; {unsent.waiting} wait to be sent"
    if not unsent.failing:
        return CheckResult(summary)
    problem = Problem(
        f"{unsent.failing} alerts were posted several times and not accepted",
        "see `alert.send_failed` in the log, and RECEIVER_ALERT_URL",
        commands=("receiver doctor --send-test-alert",),
    )
    return CheckResult(summary, [problem])
