"""What there is to be told of: pure, from what was found in the database.

Owns the key of each condition: as long as the key is there, it was told. No sentence here holds
anything that a sender wrote.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jobs.alerts.spikes import Jump
from jobs.audits.findings import Audited
from jobs.heartbeat import Alive
from jobs.queries.deliveries.backlog import Backlog
from jobs.queries.deliveries.failures import FailureGroup
from jobs.queries.exceptions.listing import Tally, detail_of
from jobs.queries.sources.silence import Silent, span

#: A delivery that waits longer than this is told of.
BACKLOG_SECONDS = 60.0

FAILURES, MAPPING, REJECTIONS = "failures", "mapping", "rejections"
BACKLOG, SILENCE, AUDIT = "backlog", "silence", "audit"
EXCEPTIONS = "exceptions"
KINDS = (FAILURES, MAPPING, REJECTIONS, BACKLOG, SILENCE, AUDIT, EXCEPTIONS)
#: Of these the end is told as well.
ENDS = frozenset({BACKLOG, SILENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """Something that holds now. `says` what and how many, `run` the commands that help.

    `ended` is what to say once it no longer holds, where that is told.
    """

    key: str
    kind: str
    says: str
    run: tuple[str, ...]
    facts: Mapping[str, Any]
    ended: str = ""

    def as_detail(self) -> dict[str, Any]:
        """What is kept of it until it was told."""
        return {
            "says": self.says,
            "run": list(self.run),
            "facts": dict(self.facts),
            "ended": self.ended,
        }


def of_failures(groups: Iterable[FailureGroup]) -> list[Condition]:
    """One for each group that is failed now, the largest first."""
    return [_of_group(group) for group in groups]


def _of_group(group: FailureGroup) -> Condition:
    number = _counted(group.count, "delivery", "deliveries")
    rule = f" in rule {group.rule}" if group.rule else ""
    says = f"{number} of {group.source} failed as {group.reason}{rule}"
    held = group.outcomes_held_back
    if held:
        says += f", holding back {_counted(held, 'good outcome', 'good outcomes')}"
    facts = {
        "source": group.source,
        "reason": group.reason,
        "rule": group.rule,
        "count": group.count,
        "outcomes_held_back": held,
    }
    see = shlex.join(["receiver", "failures", "--group", group.id])
    show = shlex.join(["receiver", "show", group.example_delivery])
    return Condition(
        key=f"{FAILURES}:{group.id}",
        kind=FAILURES,
        says=f"{says}. {group.remediation}",
        run=(see, show, group.replay),
        facts=facts,
    )


def of_mappings(processes: Iterable[Alive]) -> list[Condition]:
    """One for each file that some process has rejected."""
    problems: dict[str, str] = {}
    stale: set[str] = set()
    for process in processes:
        stale.update(process.detail.get("stale", ()))
        for problem in process.detail.get("rejected", ()):
            problems.setdefault(problem.partition(":")[0], problem)
    return [
        Condition(
            key=f"{MAPPING}:{file}"[:200],
            kind=MAPPING,
            says=f"A mapping was rejected: {problem} "
            + (
                "Its last good version goes on."
                if file in stale
                else "There is no good version of it."
            ),
            run=("receiver check",),
            facts={"file": file, "stale": file in stale},
        )
        for file, problem in sorted(problems.items())
    ]


def of_jumps(jumps: Iterable[Jump]) -> list[Condition]:
    """One for each source and cause of which there are suddenly many."""
    return [
        Condition(
            key=f"{REJECTIONS}:{one.source}:{one.cause}",
            kind=REJECTIONS,
            says=f"{one.count} requests of {one.source} were refused as {one.cause} within "
            f"{span(one.seconds)}; normally it is {one.normal:.0f}",
            run=(
                shlex.join(
                    ["receiver", "rejections", "--source", one.source, "--cause", one.cause]
                ),
            ),
            facts={
                "source": one.source,
                "cause": one.cause,
                "count": one.count,
                "normal": round(one.normal, 1),
            },
        )
        for one in jumps
    ]


def of_backlog(backlog: Backlog) -> list[Condition]:
    """One, if deliveries wait for long."""
    age = backlog.oldest_age_seconds
    if age is None or age <= BACKLOG_SECONDS:
        return []
    number = _counted(backlog.waiting, "delivery waits", "deliveries wait")
    return [
        Condition(
            key=BACKLOG,
            kind=BACKLOG,
            says=f"{number}, the oldest for {span(age)}. Is `receiver work` running?",
            run=("receiver status", "receiver doctor"),
            facts={"waiting": backlog.waiting, "oldest_age_seconds": round(age)},
            ended="The backlog is worked off: no delivery waits for long any more.",
        )
    ]


def of_silence(silent: Iterable[Silent]) -> list[Condition]:
    """One for each source that is silent for longer than it expects."""
    return [
        Condition(
            key=f"{SILENCE}:{one.source}",
            kind=SILENCE,
            says=f"{str(one)[:1].upper()}{str(one)[1:]}. Look at the webhook's page at the vendor",
            run=("receiver sources", f"receiver rejections --source {one.source}"),
            facts={
                "source": one.source,
                "silent_seconds": round(one.seconds),
                "expect_every_seconds": round(one.expect_every.total_seconds()),
            },
            ended=f"Source {one.source} is heard of again.",
        )
        for one in silent
    ]


def of_audits(audits: Sequence[Audited]) -> list[Condition]:
    """One for each audit that finds something; which key or delivery it is, the doctor says."""
    return [
        Condition(
            key=f"{AUDIT}:{one.name}",
            kind=AUDIT,
            says=f"The books do not agree: the audit `{one.name}` found {one.found} wrong",
            run=("receiver doctor",),
            facts={"audit": one.name, "found": one.found},
        )
        for one in audits
        if one.found
    ]


def of_exceptions(tallies: Iterable[Tally]) -> list[Condition]:
    """One for each kind that a person has to look at; another one when there are ten times more."""
    return [
        Condition(
            key=f"{EXCEPTIONS}:{one.kind}:{len(str(one.pressing))}",
            kind=EXCEPTIONS,
            says=f"{detail_of(one)[:1].upper()}{detail_of(one)[1:]}",
            run=(f"receiver exceptions --kind {one.kind}",),
            facts={"exception": one.kind, "count": one.count, "overdue": one.overdue},
        )
        for one in tallies
        if one.pressing
    ]


def _counted(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"
