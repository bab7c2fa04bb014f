"""The checks of `receiver doctor` in the web process, once a minute, for /metrics and /readyz.

Owns which of them are made there and which of those /readyz names. Refuses the costly ones: the
audits have their rounds in the workers. Nothing that a check finds stops a delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

import structlog

from jobs.common.tasks import every
from receiver.health.metrics import Metrics
from receiver.health.problem import Checked
from receiver.health.readyz import Look, Trouble
from receiver.health.registry import CHECKS, REVISION, Around, Check

log = structlog.get_logger(__name__)

EVERY_SECONDS = 60.0
#: A problem counts once it is found twice: an edit reaches processes one after the other.
AGAIN_SECONDS = 5.0

MADE = (
    "revision",
    "durability",
    "disk",
    "clock",
    "redis",
    "worker",
    "versions",
    "backlog",
    "complete",
    "mappings",
    "silence",
    "secrets",
    "files",
    "rotation",
    "public-url",
    "notices",
    "exceptions",
)
#: What /readyz names; it looks at redis, worker, backlog, mappings and secrets each time itself.
NAMED = (
    *("revision", "durability", "disk", "clock", "versions", "complete", "silence", "public-url"),
    "notices",
    "exceptions",
)


class Checkup:
    """Makes the checks again and again, and holds what they found last."""

    def __init__(self, around: Callable[[], Around], metrics: Metrics) -> None:
        self._around = around
        self._metrics = metrics
        self._last: dict[str, Checked] = {}

    async def run(self) -> None:
        """Check until cancelled."""
        await every("check", EVERY_SECONDS, self.check)

    async def check(self) -> None:
        """Make every check once; one with a new problem a second time before it is believed."""
        checks = [check for check in (REVISION, *CHECKS) if check.name in MADE]
        found = await self._made(checks)
        doubted = {one.name for one in found if is_bad(one) and not self._is_known(one.name)}
        if doubted:
            await asyncio.sleep(AGAIN_SECONDS)
            again = await self._made([check for check in checks if check.name in doubted])
            found = [one for one in found if one.name not in doubted] + again
        for one in found:
            self._keep(one)

    def looks(self) -> dict[str, Look]:
        """What /readyz names of it."""
        return {name: self._look_at(name) for name in NAMED}

    def _look_at(self, name: str) -> Look:
        async def look() -> Sequence[Trouble]:
            last = self._last.get(name)
            findings = last.report.findings if last is not None else ()
            return [Trouble(name, str(one)) for one in findings if one.is_problem]

        return look

    async def _made(self, checks: Sequence[Check]) -> list[Checked]:
        """These, made now. One that cannot run says nothing: /readyz names a database away."""
        found = []
        for check in checks:
            try:
                async with asyncio.timeout(check.seconds):
                    found.append(Checked(check.name, await check.ask(self._around())))
            except Exception as error:  # noqa: BLE001 - whatever it is, intake goes on
                log.warning("check.failed", check=check.name, error=repr(error)[:300])
        return found

    def _is_known(self, name: str) -> bool:
        return name in self._last and is_bad(self._last[name])

    def _keep(self, one: Checked) -> None:
        problems = [str(finding) for finding in one.report.findings if finding.is_problem]
        if problems and not self._is_known(one.name):
            log.warning("check.problem", check=one.name, detail=problems[0], problems=len(problems))
        self._last[one.name] = one
        self._metrics.show_check(one.name, len(problems))


def is_bad(one: Checked) -> bool:
    """Whether the check found a problem."""
    return one.status == "problem"
