"""The checks that alerts share with /readyz and `receiver doctor`: pure, from what was read.

Owns their thresholds and their sentences.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from jobs.common.problem import Problem
from jobs.queries.deliveries.failures import FailureGroup
from jobs.queries.exceptions.listing import Tally, detail_of
from jobs.queries.exceptions.texts import REMEDIATIONS
from jobs.queries.sources.silence import Silent, span

#: A delivery that waits for longer is a backlog.
BACKLOG_SECONDS = 60.0


def backlog(age_seconds: float | None, waiting: int | None = None) -> list[Problem]:
    """Whether the oldest delivery waits for long; `waiting` is how many do, where that is known."""
    if age_seconds is None or age_seconds <= BACKLOG_SECONDS:
        return []
    number = "deliveries wait" if waiting is None else _counted(waiting, "delivery", "deliveries")
    verb = "" if waiting is None else " waits" if waiting == 1 else " wait"
    return [
        Problem(
            f"{number}{verb}, the oldest for {span(age_seconds)}",
            "start more workers with `receiver work`, and see their logs",
            commands=("receiver status", "receiver doctor"),
            labels={"waiting": waiting, "oldest_age_seconds": round(age_seconds)},
            resolved="The backlog is worked off: no delivery waits for long any more.",
        )
    ]


def silences(silent: Iterable[Silent]) -> list[Problem]:
    """The sources that are silent for longer than their mappings expect."""
    return [
        Problem(
            str(source),
            "look at the webhook's page at the vendor",
            commands=("receiver sources", f"receiver rejections --source {source.source}"),
            subject=source.source,
            labels={
                "source": source.source,
                "silent_seconds": round(source.seconds),
                "expect_every_seconds": round(source.expect_every.total_seconds()),
            },
            resolved=f"Source {source.source} sends again.",
        )
        for source in silent
    ]


def failures(groups: Iterable[FailureGroup]) -> list[Problem]:
    """Each group of failed deliveries, the largest first: money held back, and nothing lost."""
    return [_failure(group) for group in groups]


def _failure(group: FailureGroup) -> Problem:
    number = _counted(group.count, "delivery", "deliveries")
    rule = f" in rule {group.rule}" if group.rule else ""
    summary = f"{number} of {group.source} failed as {group.reason}{rule}"
    held = group.outcomes_held_back
    if held:
        summary += f", holding back {_counted(held, 'good outcome', 'good outcomes')}"
    see = shlex.join(["receiver", "failures", "--group", group.id])
    show = shlex.join(["receiver", "show", group.example_delivery])
    return Problem(
        summary,
        group.remediation,
        severity="note",
        commands=(see, show, group.replay),
        subject=group.id,
        detail=group.detail,
        labels={
            "source": group.source,
            "reason": group.reason,
            "rule": group.rule,
            "count": group.count,
            "outcomes_held_back": held,
        },
    )


def rejected_mapping(problem: str, *, file: str, is_stale: bool) -> Problem:
    """A problem of a mapping file; `is_stale`: its last good version is in force."""
    outcome = (
        "Its last good version stays in force." if is_stale else "There is no good version of it."
    )
    return Problem(
        f"a mapping was rejected: {problem} {outcome}",
        commands=("receiver check",),
        subject=file,
        labels={"file": file, "stale": is_stale},
    )


def exceptions(tallies: Iterable[Tally]) -> list[Problem]:
    """Each kind of exception; a problem where a person has to look at it.

    Ten times as many are another subject.
    """
    return [
        Problem(
            detail_of(tally),
            REMEDIATIONS[tally.kind],
            severity="problem" if tally.pressing else "note",
            commands=(f"receiver exceptions --kind {tally.kind}",),
            subject=f"{tally.kind}:{len(str(tally.pressing))}",
            labels={"exception": tally.kind, "count": tally.count, "overdue": tally.overdue},
        )
        for tally in tallies
        if tally.count
    ]


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
