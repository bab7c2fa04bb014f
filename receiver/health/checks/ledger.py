"""The audits of `jobs.audits`, made now."""

from __future__ import annotations

from collections.abc import Callable

from jobs.audits.auditor import AUDITS, examine
from jobs.audits.findings import REMEDIATIONS, Looked
from jobs.queries.deliveries.backlog import oldest_received_age_seconds
from jobs.queries.sources.silence import span
from jobs.storage.database import Database
from receiver.health.problem import Finding, Report, note

#: Without --full an audit that looks at everything ends after this.
SHORT_SECONDS = 10.0
#: What each audit says where all is well.
GOOD = {
    "balance": "every accepted delivery is accounted for",
    "books": "outcomes, billing events and what is owed agree",
    "records": "each delivery's state and outcomes agree",
    "corrections": "each correction by hand has its action, and each action its outcomes",
    "waiting": "no delivery is put off for long",
    "replays": "no replay is stuck",
}
BACKLOG_SECONDS = 60.0


async def check_audit(
    database: Database, name: str, *, is_full: bool, tell: Callable[[int], None]
) -> Report:
    """One audit: of everything with `is_full`, else of as much as a short time allows."""
    seconds = None if is_full else SHORT_SECONDS
    return of_audit(name, await examine(database, name, seconds=seconds, tell=tell))


def of_audit(name: str, looked: Looked) -> Report:
    """What the audit found, in words."""
    findings = [Finding(says, REMEDIATIONS[name]) for says in looked.says]
    if looked.found > len(looked.says):
        findings.append(Finding(f"and {looked.found - len(looked.says)} more like these"))
    if not looked.is_whole:
        number = looked.progress.get("looked", 0)
        says = f"only the first {number} were looked at; workers look at all of them in turn"
        findings.append(note(says, "`receiver doctor --full` looks at all now"))
    return Report.of(GOOD[name], findings)


NAMES = tuple(AUDITS)


async def check_backlog(database: Database) -> Report:
    """Whether deliveries wait for long."""
    age = await oldest_received_age_seconds(database)
    if age is None or age <= BACKLOG_SECONDS:
        return Report("nothing waits for long")
    says = f"the oldest unsettled delivery waits for {span(age)}"
    return Report(says, (Finding(says, "more workers; see their logs"),))
