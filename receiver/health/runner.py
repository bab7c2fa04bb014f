"""The checks in the web process, for /readyz and /metrics.

Owns which results are fresh: some checks run on each request, the others once a minute.
Refuses to hang: each check has a time-out, and one run serves all who ask meanwhile. Nothing that
a check finds stops a delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic

import structlog

from jobs.common.errors import brief, in_words
from jobs.common.problem import Problem, Severity
from jobs.common.tasks import every, pass_over
from receiver.health.check import CheckContext, CheckResult, HealthCheck, Runs
from receiver.health.registry import CHECKS, DATABASE

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
#: A problem counts once it is found twice: an edit reaches processes one after the other.
AGAIN_SECONDS = 5.0
#: A check that takes longer while a request waits has failed; a commit is given as long.
ANSWER_SECONDS = 1.5
#: An answer this fresh is given again, so that asking often costs nothing.
FRESH_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Health:
    """Whether this process can commit a delivery, and what each check found, by name."""

    is_ready: bool
    results: Mapping[str, CheckResult]
    checks: Sequence[HealthCheck]

    @property
    def problems(self) -> list[Problem]:
        """What /readyz names."""
        return self._found("problem", [check for check in self.checks if check.on_readyz])

    @property
    def warnings(self) -> list[Problem]:
        """What is worth knowing and degrades nothing."""
        return self._found("note", [check for check in self.checks if check.warns])

    def _found(self, severity: Severity, checks: Iterable[HealthCheck]) -> list[Problem]:
        found = (problem for check in checks for problem in self.results[check.name].problems)
        return [problem for problem in found if problem.severity == severity]

    @property
    def counts(self) -> dict[str, int]:
        """How many problems each check found."""
        return {
            name: sum(problem.is_problem for problem in result.problems)
            for name, result in self.results.items()
        }


class HealthRunner:
    """Runs the checks, and holds what those of each minute found last.

    `can_commit` writes and commits something, or raises.
    """

    def __init__(
        self,
        context: Callable[[], CheckContext],
        can_commit: Callable[[], Awaitable[None]],
        *,
        checks: Iterable[HealthCheck] = CHECKS,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._context = context
        self._can_commit = can_commit
        self._checks = [check for check in checks if check.runs is not Runs.NEVER]
        self._clock = clock
        self._minutely: dict[str, CheckResult] = {}
        self._last: Health | None = None
        self._asked_at = 0.0
        self._under_way: dict[str, asyncio.Task[CheckResult]] = {}
        self._lock = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """The checks that /metrics counts."""
        return [DATABASE.name, *(check.name for check in self._checks)]

    @property
    def on_readyz(self) -> list[str]:
        """The checks that /readyz can name."""
        return [DATABASE.name, *(check.name for check in self._checks if check.on_readyz)]

    async def health(self) -> Health:
        """What is wrong now; a fresh answer is shared."""
        async with self._lock:
            if self._last is None or self._clock() - self._asked_at >= FRESH_SECONDS:
                self._last = await self._ask()
                self._asked_at = self._clock()
            return self._last

    async def run(self) -> None:
        """Run all checks once a minute until cancelled."""
        await every("check", EVERY_SECONDS, self.check)

    async def check(self) -> None:
        """Run all checks once; one with a new problem again before it is believed."""
        results = await self._results(self._checks)
        doubted = {name for name in results if results[name].has_problem} - self._known_problems()
        if doubted:
            await asyncio.sleep(AGAIN_SECONDS)
            again = await self._results([check for check in self._checks if check.name in doubted])
            results = {name: results[name] for name in results if name not in doubted} | again
        for name, result in results.items():
            self._store(name, result)

    async def _ask(self) -> Health:
        context = self._context()
        asked = [check for check in self._checks if check.runs is Runs.EACH_TIME]
        committed, *answers = await asyncio.gather(
            self._answer(DATABASE.name, self._commit),
            *(self._answer(check.name, partial(check.run, context)) for check in asked),
        )
        fresh = {answer.name: answer for answer in answers}
        nothing = CheckResult("not checked yet")
        results = {
            check.name: fresh.get(check.name) or self._minutely.get(check.name, nothing)
            for check in self._checks
        }
        return Health(
            not committed.has_problem,
            {DATABASE.name: committed, **results},
            [DATABASE, *self._checks],
        )

    async def _commit(self) -> CheckResult:
        await self._can_commit()
        return CheckResult("a delivery can be committed")

    async def _answer(self, name: str, run: Callable[[], Awaitable[CheckResult]]) -> CheckResult:
        """One result. A check that hangs goes on for the next who asks, rather than piling up."""
        task = self._under_way.get(name)
        if task is None or task.done():
            task = asyncio.ensure_future(run())
            task.add_done_callback(pass_over)
            self._under_way[name] = task
        try:
            result = await asyncio.wait_for(asyncio.shield(task), ANSWER_SECONDS)
        except TimeoutError:
            result = CheckResult.not_run(f"no answer within {ANSWER_SECONDS:g} s")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong
            log.warning("health.check_failed", check=name, error=brief(error))
            result = CheckResult.not_run(in_words(error))
        return result.under(name)

    async def _results(self, checks: Iterable[HealthCheck]) -> dict[str, CheckResult]:
        """These, run now. One that cannot run is left out: /readyz names a database away."""
        results = {}
        for check in checks:
            try:
                async with asyncio.timeout(check.timeout_seconds):
                    results[check.name] = (await check.run(self._context())).under(check.name)
            except Exception as error:  # noqa: BLE001 - whatever it is, intake goes on
                log.warning("check.failed", check=check.name, error=repr(error)[:300])
        return results

    def _known_problems(self) -> set[str]:
        return {name for name, result in self._minutely.items() if result.has_problem}

    def _store(self, name: str, result: CheckResult) -> None:
        problems = [problem for problem in result.problems if problem.is_problem]
        if problems and name not in self._known_problems():
            summary = problems[0].full_summary
            log.warning("check.problem", check=name, summary=summary, problems=len(problems))
        self._minutely[name] = result
