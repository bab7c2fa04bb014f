"""What a check says: good, worth knowing, or a problem with its mend."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence, and what to do about it. `is_problem` False: worth knowing, no more."""

    says: str
    remediation: str = ""
    is_problem: bool = True

    def __str__(self) -> str:
        return f"{self.says}; {self.remediation}" if self.remediation else self.says


def note(says: str, remediation: str = "") -> Finding:
    """Something worth knowing that is no problem."""
    return Finding(says, remediation, is_problem=False)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check came to: what it looked at, in words, and what it found."""

    says: str
    findings: tuple[Finding, ...] = ()

    @classmethod
    def of(cls, says: str, findings: Iterable[Finding]) -> Report:
        return cls(says, tuple(findings))


@dataclass(frozen=True, slots=True)
class Checked:
    """A check by its name, with its report. `is_skipped`: not made, for what another one found."""

    name: str
    report: Report
    is_skipped: bool = False

    @property
    def status(self) -> str:
        """`ok`, `note` or `problem`: the worst that was found."""
        if any(one.is_problem for one in self.report.findings):
            return "problem"
        return "note" if self.report.findings else "ok"

    def as_json(self) -> dict[str, Any]:
        """The object that `--json` prints."""
        return {
            "name": self.name,
            "status": self.status,
            "detail": self.report.says,
            "findings": [
                {
                    "level": "problem" if one.is_problem else "note",
                    "detail": one.says,
                    "remediation": one.remediation,
                }
                for one in self.report.findings
            ],
        }
