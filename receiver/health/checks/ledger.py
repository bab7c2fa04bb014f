"""The ledger: its audits, whether settling keeps up, and up to when it is complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from jobs.alerts import wording
from jobs.audits.auditor import read_audits, run_audit
from jobs.audits.results import REMEDIATIONS, RoundResult, audit_problems, overdue_problems
from jobs.common.problem import Problem, note
from jobs.ledger.horizon import InFlight, oldest_in_flight, wait_for_horizon
from jobs.queries.deliveries.status import oldest_received_age_seconds
from jobs.queries.sources.silence import span
from receiver.health.check import CheckContext, CheckResult

#: Without --full an audit of everything ends after this; there are three of them.
SHORT_SECONDS = 10.0
#: The summary of each audit that finds nothing.
GOOD = {
    "balance": "every accepted delivery is accounted for",
    "books": "outcomes, billing events and amounts owed agree",
    "records": "each delivery's state and outcomes agree",
    "corrections": "corrections by hand and their actions agree",
    "waiting": "no delivery is scheduled far ahead",
    "replays": "no replay is stuck",
}
#: Transactions of this service take seconds.
BEHIND = timedelta(minutes=10)
#: For so long a transaction in flight is waited for.
PATIENCE_SECONDS = 3.0


async def check_audit(context: CheckContext, *, name: str) -> CheckResult:
    """One audit, run now: of everything with `is_full`, else as far as a short time allows."""
    result = await run_audit(
        context.database,
        name,
        seconds=None if context.is_full else SHORT_SECONDS,
        on_progress=partial(context.on_progress, name),
    )
    return of_audit(name, result)


def of_audit(name: str, result: RoundResult) -> CheckResult:
    """What the audit found, in words."""
    problems = [Problem(summary, REMEDIATIONS[name]) for summary in result.summaries]
    if result.found > len(problems):
        problems.append(Problem(f"and {result.found - len(problems)} more like these"))
    if not result.is_whole:
        number = result.progress.get("audited", 0)
        summary = f"only the first {number} were audited; workers audit all of them in turn"
        problems.append(note(summary, "audit all of them now", "receiver doctor --full"))
    return CheckResult(GOOD[name], problems)


async def check_audits(context: CheckContext) -> CheckResult:
    """What the audits in the workers found last; the doctor has just run them itself."""
    audits = await read_audits(context.database)
    problems = [] if context.in_doctor else audit_problems(audits)
    problems += overdue_problems(audits, now=datetime.now(UTC))
    return CheckResult("run by the workers; none is overdue", problems)


async def check_backlog(context: CheckContext) -> CheckResult:
    """Whether deliveries wait for long."""
    age = await oldest_received_age_seconds(context.database)
    return CheckResult("no delivery waits for long", wording.backlog(age))


async def check_complete(context: CheckContext) -> CheckResult:
    """Whether the ledger is complete up to now, or an open transaction holds it back."""
    horizon = await wait_for_horizon(context.database, seconds=PATIENCE_SECONDS)
    async with context.database.read() as connection:
        now = await context.database.time(connection)
    return of_horizon(horizon, now=now, oldest=await oldest_in_flight(context.database))


def of_horizon(horizon: datetime, *, now: datetime, oldest: InFlight | None) -> CheckResult:
    """`oldest` is the transaction that holds it back, where the database names it."""
    behind = now - horizon
    if behind <= BEHIND:
        return CheckResult("the ledger is complete up to now")
    summary = f"billing events are complete only until {span(behind.total_seconds())} ago"
    if oldest is None:
        remediation = "another program holds a transaction that writes open; end it"
    else:
        remediation = f"end the transaction of {oldest}"
    problem = Problem(summary, f"exports and closing wait: {remediation}")
    return CheckResult(summary, [problem])
