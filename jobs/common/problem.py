"""One thing that is wrong with an installation, or worth knowing.

Owns the record that /readyz, `receiver doctor`, /metrics and alerts render.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["note", "problem"]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and what to do about it.

    `name` is that of the check, `subject` what it concerns where a check can find several: a
    source, a file, a key. `summary`, `labels` and `resolved` (what to say once it is over) hold
    nothing that a sender wrote, so that they may leave in an alert; `detail` may.
    """

    summary: str
    remediation: str = ""
    severity: Severity = "problem"
    commands: tuple[str, ...] = ()
    name: str = ""
    subject: str = ""
    detail: str = ""
    labels: Mapping[str, Any] = field(default_factory=dict)
    resolved: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether it is more than worth knowing."""
        return self.severity == "problem"

    @property
    def full_summary(self) -> str:
        """The summary with its detail, for the operator's own pages."""
        return f"{self.summary}: {self.detail}" if self.detail else self.summary

    def as_json(self) -> dict[str, Any]:
        """The object that /readyz and `receiver doctor --json` show."""
        return {
            "name": self.name,
            "severity": self.severity,
            "summary": self.full_summary,
            "remediation": self.remediation,
            "commands": list(self.commands),
        }


def note(summary: str, remediation: str = "", *commands: str) -> Problem:
    """Something worth knowing that degrades nothing."""
    return Problem(summary, remediation, "note", commands)


def named(name: str, problems: Iterable[Problem]) -> list[Problem]:
    """The problems under the name of the check that found them."""
    return [replace(problem, name=name) for problem in problems]
