"""The mappings in force: problems, rules that never match, failures, sources that are silent."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobs.alerts import wording
from jobs.common.problem import Problem, note
from jobs.filters import RejectionFilter
from jobs.queries.deliveries.failures import read_failures
from jobs.queries.exceptions.listing import count_exceptions
from jobs.queries.sources.rejections import list_rejections
from jobs.queries.sources.rules import RuleItem, known_rules, read_rules
from jobs.queries.sources.traffic import read_silent
from jobs.storage.keyset import MAX_LIMIT
from receiver.health.check import CheckContext, CheckResult

#: A rule that has not matched in so many deliveries perhaps never can.
MANY_DELIVERIES = 100
#: At most so many are shown; a command has them all.
SHOWN = 20
LATELY = timedelta(days=1)


async def check_mappings(context: CheckContext) -> CheckResult:
    """Whether every file is in force."""
    mappings = context.mappings
    problems = [
        wording.rejected_mapping(
            str(problem), file=problem.file, is_stale=problem.file in mappings.stale
        )
        for problem in mappings.problems[:SHOWN]
    ]
    problems += [note(str(warning)) for warning in mappings.warnings[:SHOWN]]
    return CheckResult(f"sources in force: {len(mappings.sources)}", problems)


async def check_rules(context: CheckContext) -> CheckResult:
    """Whether every rule matches now and then."""
    known = known_rules(context.mappings)
    return CheckResult(f"{len(known)} rules", of_rules(await read_rules(context.database, known)))


def of_rules(rules: Sequence[RuleItem]) -> list[Problem]:
    """Rules in force that have never matched although much has come."""
    return [
        note(
            f"rule {rule.rule} of {rule.source} matched none of {rule.never_matched_in} deliveries",
            "see which it missed, and try it on one: `receiver try`",
            "receiver rules",
        )
        for rule in rules
        if rule.mode is not None and (rule.never_matched_in or 0) >= MANY_DELIVERIES
    ][:SHOWN]


async def check_failures(context: CheckContext) -> CheckResult:
    """What has failed and waits for a fix: money held back, and nothing lost."""
    groups = await read_failures(context.database)
    return CheckResult(
        f"{sum(group.count for group in groups)} failed deliveries",
        wording.failures(groups[:SHOWN]),
    )


async def check_silence(context: CheckContext) -> CheckResult:
    """Whether every source sends as often as its mapping expects."""
    silent = await read_silent(context.database, context.mappings)
    sources = context.mappings.sources.values()
    watched = sum(source.expect_every is not None for source in sources)
    return CheckResult(f"sources with expect_every: {watched}", wording.silences(silent))


async def check_paths(context: CheckContext) -> CheckResult:
    """Whether requests reach the service and miss every source."""
    since = datetime.now(UTC) - LATELY
    page = await list_rejections(context.database, RejectionFilter(since=since), limit=MAX_LIMIT)
    strays = [item for item in page.items if item.path is not None]
    notes = [
        note(
            f"{stray.count} to {stray.path} reached no source: {stray.detail}",
            stray.remediation or "",
            "receiver rejections",
        )
        for stray in strays[:SHOWN]
    ]
    number = len(strays)
    return CheckResult(f"unknown paths requested in the last day: {number}", notes)


async def check_exceptions(context: CheckContext) -> CheckResult:
    """What was taken and not billed as may be expected."""
    tallies = await count_exceptions(context.database, context.mappings)
    counts = ", ".join(f"{tally.count} {tally.kind}" for tally in tallies if tally.count)
    return CheckResult(counts or "none", wording.exceptions(tallies))
