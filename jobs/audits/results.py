"""What an audit found: the records that pass between running, storing and showing.

Owns their shape and how many faults are kept in words. Refuses to hold contents of a delivery: a
fault names ids, keys, kinds and amounts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jobs.common.problem import Problem

#: So many faults are kept in words; the others are counted.
SHOWN = 20
#: Audits rest for a minute or a few; one whose last round is older has no worker that runs it.
OVERDUE = timedelta(hours=1)

#: What to do where an audit finds something.
REMEDIATIONS: Mapping[str, str] = {
    "balance": "Deliveries were lost or added by hand: keep a copy of the database, look into it "
    "with `receiver deliveries`, and compare with the vendor's list of deliveries.",
    "books": "The ledger was changed by hand, or this is a bug: keep a copy of the database, see "
    "`receiver show DELIVERY`, and correct with `receiver reverse` what was billed wrongly.",
    "records": "The records were changed by hand, or this is a bug: keep a copy of the database "
    "and see `receiver show DELIVERY`.",
    "corrections": "Outcomes or actions were changed by hand in the database: keep a copy of it, "
    "and correct with `receiver reverse`, which records both.",
    "waiting": "The database's clock was set back, or rows were changed by hand: they are taken up "
    "once the clock is there; set it right.",
    "replays": "See the workers' logs, and restart `receiver work`; a replay continues by itself.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundResult:
    """What one round of an audit came to.

    `found` counts the known faults, `summaries` are the first of them in words. `progress` is
    where the next round starts. `is_whole`: everything was audited.
    """

    found: int
    summaries: tuple[str, ...] = ()
    progress: Mapping[str, Any] = field(default_factory=dict)
    is_whole: bool = True

    @classmethod
    def of(cls, faults: Iterable[Problem], **progress: Any) -> RoundResult:
        """A round that audited everything."""
        summaries = [fault.summary for fault in faults]
        return cls(found=len(summaries), summaries=tuple(summaries[:SHOWN]), progress=progress)


@dataclass(frozen=True, slots=True)
class AuditStatus:
    """What is stored of an audit's last round; `checked_at` None: none has ended yet."""

    name: str
    found: int
    summaries: tuple[str, ...]
    checked_at: datetime | None


def fault(subject: str, summary: str) -> Problem:
    """One thing that an audit found wrong with `subject`: a key, an id."""
    return Problem(summary, subject=subject)


def audit_problems(audits: Iterable[AuditStatus]) -> list[Problem]:
    """Each audit whose last round found something."""
    return [
        Problem(
            f"the audit `{audit.name}` found {audit.found} wrong",
            REMEDIATIONS[audit.name],
            commands=("receiver doctor",),
            subject=audit.name,
            detail=next((f"first, {summary}" for summary in audit.summaries), ""),
            labels={"audit": audit.name, "found": audit.found},
        )
        for audit in audits
        if audit.found
    ]


def overdue_problems(audits: Sequence[AuditStatus], *, now: datetime) -> list[Problem]:
    """Each audit that no worker runs any more."""
    return [
        Problem(
            f"the last round of the audit `{audit.name}` ended at {audit.checked_at:%F %H:%M}Z",
            "start `receiver work`, and see its log",
        )
        for audit in audits
        if audit.checked_at is not None and now - audit.checked_at > OVERDUE
    ]
