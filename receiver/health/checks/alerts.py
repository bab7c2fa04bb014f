"""Whether whoever is to be told of things can be told."""

from __future__ import annotations

from jobs.alerts.repository import Unsent, read_unsent
from jobs.storage.database import Database
from receiver.config.settings import Settings
from receiver.health.problem import Finding, Report


async def check_notices(database: Database, settings: Settings) -> Report:
    """Whether notices get through."""
    if settings.alert_url is None:
        return Report("nobody is told of anything: RECEIVER_ALERT_URL is not set")
    return of_unsent(await read_unsent(database))


def of_unsent(unsent: Unsent) -> Report:
    """What those that wait to be sent say."""
    if not unsent.failing:
        return Report(f"notices get through; {unsent.waiting} are on their way")
    says = f"{unsent.failing} notices were tried again and again and not taken"
    remediation = "see `alert.send_failed` in the log, and RECEIVER_ALERT_URL"
    return Report(says, (Finding(says, remediation),))
