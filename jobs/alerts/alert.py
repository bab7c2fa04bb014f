"""An alert: its kinds, and how a problem is kept as one until it was sent.

Owns the key of each: as long as the key's problem is found, no second alert is sent. Nothing here
holds what a sender wrote.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jobs.common.problem import Problem

FAILURES, MAPPING, REJECTIONS = "failures", "mapping", "rejections"
BACKLOG, SILENCE, AUDIT = "backlog", "silence", "audit"
EXCEPTIONS = "exceptions"
KINDS = (FAILURES, MAPPING, REJECTIONS, BACKLOG, SILENCE, AUDIT, EXCEPTIONS)
#: Of these a resolved alert is sent as well.
RESOLVES = frozenset({BACKLOG, SILENCE})


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What is posted. `id` is the same over all attempts; `is_resolved`: the problem is gone."""

    key: str
    id: str
    kind: str
    detail: dict[str, Any]
    opened_at: datetime
    is_resolved: bool
    attempts: int

    @property
    def summary(self) -> str:
        """The alert in words, with the commands to run."""
        if self.is_resolved:
            return str(self.detail["resolved"])
        commands = " ".join(f"`{command}`" for command in self.detail["commands"])
        return f"{self.detail['summary'].rstrip('.')}. Run {commands}"

    @property
    def commands(self) -> list[str]:
        """What to run while the problem lasts."""
        return [] if self.is_resolved else self.detail["commands"]


def key_of(problem: Problem) -> str:
    """The key of the alert for this problem."""
    return f"{problem.name}:{problem.subject}"[:200] if problem.subject else problem.name


def detail_of(problem: Problem) -> dict[str, Any]:
    """What is stored of the problem until its alert was sent."""
    sentences = (problem.summary, problem.remediation)
    return {
        "summary": " ".join(
            f"{text[0].upper()}{text[1:].rstrip('.')}." for text in sentences if text
        ),
        "commands": list(problem.commands),
        "labels": dict(problem.labels),
        "resolved": problem.resolved,
    }
