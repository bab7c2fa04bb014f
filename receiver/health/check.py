"""A health check, what it is given, and what it came to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from jobs.common.problem import Problem, named
from jobs.queue.doorbell import Doorbell
from jobs.storage.database import Database
from mappings.engine.loading.load import MappingSet
from receiver.config.settings import Settings
from receiver.sources.secrets import Secrets

TIMEOUT_SECONDS = 15.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckContext:
    """What the checks examine. `mappings` are those in force here.

    `in_doctor` audits run now, over everything with `is_full`; `on_progress` is given the name of
    the audit and how far it is.
    """

    settings: Settings
    database: Database
    doorbell: Doorbell
    secrets: Secrets
    mappings: MappingSet
    in_doctor: bool = False
    is_full: bool = False
    on_progress: Callable[[str, int], None] = lambda _audit, _number: None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was examined, in words, and what was found. `is_skipped`: another check explains why."""

    summary: str
    problems: Sequence[Problem] = ()
    name: str = ""
    is_skipped: bool = False

    @classmethod
    def not_run(cls, reason: str, *, is_skipped: bool = False) -> CheckResult:
        """A check that could not run, which is a problem."""
        return cls("the check could not run", [Problem(reason)], is_skipped=is_skipped)

    def under(self, name: str) -> CheckResult:
        """The same with the name of its check, here and in its problems."""
        return replace(self, name=name, problems=named(name, self.problems))

    @property
    def status(self) -> str:
        """`ok`, or the worst severity that was found: `note` or `problem`."""
        if self.has_problem:
            return "problem"
        return "note" if self.problems else "ok"

    @property
    def has_problem(self) -> bool:
        """Whether it found more than what is worth knowing."""
        return any(problem.is_problem for problem in self.problems)

    def as_json(self) -> dict[str, Any]:
        """The object that `receiver doctor --json` prints."""
        return {
            "name": self.name,
            "status": self.status,
            "summary": self.summary,
            "problems": [problem.as_json() for problem in self.problems],
        }


class Runs(Enum):
    """When the web process runs a check; `receiver doctor` runs all of them."""

    EACH_TIME = auto()  # whenever /readyz or /metrics is asked
    EACH_MINUTE = auto()
    NEVER = auto()


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """One check.

    `needs_tables`: only where the database answers and has this version's tables. `on_readyz`
    False keeps what it finds to those who may read metrics and the doctor. `warns`: /readyz shows
    its notes too.
    """

    name: str
    run: Callable[[CheckContext], Awaitable[CheckResult]]
    runs: Runs = Runs.NEVER
    needs_tables: bool = True
    timeout_seconds: float | None = TIMEOUT_SECONDS
    on_readyz: bool = True
    warns: bool = False
