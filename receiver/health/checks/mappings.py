"""The mappings as they stand: problems, rules that never match, what waits for a price."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from jobs.filters import RejectionFilter
from jobs.queries.deliveries.failures import FailureGroup, read_failures
from jobs.queries.exceptions.listing import Tally, count_exceptions, detail_of
from jobs.queries.exceptions.texts import REMEDIATIONS
from jobs.queries.sources.rejections import list_rejections
from jobs.queries.sources.rules import KnownRule, RuleItem, read_rules
from jobs.queries.sources.traffic import read_silent
from jobs.storage.database import Database
from jobs.storage.keyset import MAX_LIMIT as MOST_OF_A_PAGE
from mappings.engine.loading.load import MappingSet
from receiver.health.problem import Finding, Report, note

#: A rule that has not matched in so many deliveries is perhaps none that can.
MANY_DELIVERIES = 100
#: At most so many are told; a command has them all.
MAX_LIMIT = 10
LATELY = timedelta(days=1)


def check_mappings(mappings: MappingSet) -> Report:
    """Whether every file is in force."""
    findings = [
        Finding(str(problem), "see `receiver check`") for problem in mappings.problems[:MAX_LIMIT]
    ]
    findings += [note(str(warning)) for warning in mappings.warnings[:MAX_LIMIT]]
    return Report.of(f"{len(mappings.sources)} sources", findings)


async def check_rules(database: Database, mappings: MappingSet) -> Report:
    """Whether every rule matches now and then."""
    known = [
        KnownRule(source.name, rule.name, source.mode)
        for source in mappings.sources.values()
        for rule in source.rules
    ]
    return Report.of(f"{len(known)} rules", of_rules(await read_rules(database, known)))


def of_rules(rules: tuple[RuleItem, ...]) -> list[Finding]:
    """Rules in force that have never matched although much has come."""
    return [
        note(
            f"rule {one.rule} of {one.source} matched none of {one.never_matched_in} deliveries",
            "see `receiver rules` and `receiver try`",
        )
        for one in rules
        if one.mode is not None and (one.never_matched_in or 0) >= MANY_DELIVERIES
    ][:MAX_LIMIT]


async def check_failures(database: Database) -> Report:
    """What is failed and waits for a mend: money held back, and nothing lost."""
    groups = await read_failures(database)
    return Report.of(
        f"{sum(group.count for group in groups)} failed deliveries", of_failures(groups)
    )


def of_failures(groups: tuple[FailureGroup, ...]) -> list[Finding]:
    """The largest groups, each with the command that replays it once it is mended."""
    return [
        note(
            f"{one.count} of {one.source} failed as {one.reason}: {one.detail}",
            f"{one.remediation} `{one.replay}`",
        )
        for one in groups[:MAX_LIMIT]
    ]


async def check_silence(database: Database, mappings: MappingSet) -> Report:
    """Whether every source was heard of as often as its mapping expects."""
    remediation = "look at the webhook's page at the vendor, and at `receiver rejections`"
    findings = [Finding(str(one), remediation) for one in await read_silent(database, mappings)]
    watched = sum(source.expect_every is not None for source in mappings.sources.values())
    return Report.of(f"sources that have an expect_every: {watched}", findings)


async def check_paths(database: Database) -> Report:
    """Whether requests reach the service and miss every source."""
    since = datetime.now(UTC) - LATELY
    found = await list_rejections(database, RejectionFilter(since=since), limit=MOST_OF_A_PAGE)
    strays = [one for one in found.items if one.path is not None]
    return Report.of(
        f"kinds of requests in the last day that reached no source: {len(strays)}",
        [
            note(
                f"{one.count} to {one.path} reached no source: {one.detail}",
                f"{one.remediation}; see `receiver rejections`",
            )
            for one in strays[:MAX_LIMIT]
        ],
    )


async def check_exceptions(database: Database, mappings: MappingSet) -> Report:
    """What was taken and not billed as someone may expect."""
    tallies = [one for one in await count_exceptions(database, mappings) if one.count]
    counts = ", ".join(f"{one.count} {one.kind}" for one in tallies) or "none"
    return Report.of(f"exceptions: {counts}", of_exceptions(tallies))


def of_exceptions(tallies: Sequence[Tally]) -> list[Finding]:
    """One for each kind; a problem where no order of arrival puts it right."""
    return [
        Finding(
            detail_of(one),
            f"{REMEDIATIONS[one.kind]} See `receiver exceptions --kind {one.kind}`",
            is_problem=one.pressing > 0,
        )
        for one in tallies
    ]
