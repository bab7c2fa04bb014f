"""The processes and Redis: whether they are alive, and use the same mappings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from redis.exceptions import RedisError

from jobs.common.problem import Problem, note
from jobs.heartbeat import ALIVE_SECONDS, Alive, alive
from jobs.timezone import stored_timezone
from receiver.health.check import CheckContext, CheckResult

#: Redis that is this full drops what it is given, or refuses it.
FULL_SHARE = 0.9


async def check_web(context: CheckContext) -> CheckResult:
    """Whether a web process is alive."""
    processes = await alive(context.database, role="web")
    return of_role(processes, "web", command="serve", without="no webhook is taken")


async def check_worker(context: CheckContext) -> CheckResult:
    """Whether a worker is alive, and those that are reach Redis."""
    processes = await alive(context.database, role="work")
    return of_role(processes, "work", command="work", without="nothing settles")


def of_role(processes: Sequence[Alive], role: str, *, command: str, without: str) -> CheckResult:
    """What the heartbeats of one role mean."""
    if not processes:
        summary = f"no {role} process was alive in the last {ALIVE_SECONDS:g} s: {without}"
        remediation = f"start `receiver {command}`, or `receiver up`"
        return CheckResult(summary, [Problem(summary, remediation)])
    return CheckResult(
        f"alive: {', '.join(process.name for process in processes)}",
        [
            Problem(f"{process.name} does not reach Redis", "settling is slower; see `redis`")
            for process in processes
            if process.detail.get("redis") is False
        ],
    )


async def check_redis(context: CheckContext) -> CheckResult:
    """Whether Redis answers, keeps what it is given, and has room."""
    try:
        return of_memory(await context.doorbell.memory())
    except (RedisError, OSError) as error:
        summary = f"Redis does not answer ({type(error).__name__})"
        remediation = "bring it back, see RECEIVER_REDIS_URL; nothing is lost, settling is slower"
        return CheckResult(summary, [Problem(summary, remediation)])


def of_memory(memory: Mapping[str, Any]) -> CheckResult:
    """What Redis reports of its memory: sizes in bytes, `maxmemory` 0 for no bound."""
    used, most = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    policy = memory.get("maxmemory_policy", "noeviction")
    problems = []
    if most and policy != "noeviction":
        summary = f"a full Redis evicts what it was given (maxmemory-policy {policy})"
        problems.append(Problem(summary, "set maxmemory-policy to noeviction"))
    if most and used > FULL_SHARE * most:
        summary = f"Redis is {used / most:.0%} full"
        problems.append(Problem(summary, "raise its maxmemory, or give it to this service alone"))
    bound = f" of {most / 1e6:.0f} MB" if most else ""
    return CheckResult(f"Redis answers; it uses {used / 1e6:.0f} MB{bound}", problems)


async def check_versions(context: CheckContext) -> CheckResult:
    """Whether all processes use the same mappings and the same time zone."""
    settings = context.settings
    timezone = await stored_timezone(context.database) or settings.timezone_name
    processes = await alive(context.database)
    return CheckResult(
        f"all use the same mappings; the time zone is {timezone}",
        [
            *of_mappings(processes, context.mappings.digest),
            *of_zones(processes, timezone),
            *of_setting(settings.timezone, timezone),
        ],
    )


def of_mappings(processes: Sequence[Alive], digest: str) -> list[Problem]:
    """What the processes report, compared with each other and with the mappings read here."""
    reported = _by_value(processes, "mappings")
    if len(reported) > 1:
        summary = f"the processes use different mappings: {_listed(reported)}"
        return [Problem(summary, "give all of them the same files (RECEIVER_MAPPINGS)")]
    if reported and digest not in reported:
        remediation = "see RECEIVER_MAPPINGS; an edit takes a few seconds to reach all"
        return [note("the mappings read here are not those that the processes have", remediation)]
    return []


def of_zones(processes: Sequence[Alive], timezone: str) -> list[Problem]:
    """What the processes report, compared with the time zone of the database."""
    zones = _by_value(processes, "timezone")
    if len({*zones, timezone}) == 1:
        return []
    summary = f"time zones differ: {timezone} in the database; {_listed(zones)}"
    return [Problem(summary, "restart those that differ: each takes the database's zone")]


def of_setting(wanted: str | None, stored: str) -> list[Problem]:
    """What is set here, compared with the time zone of the database."""
    if wanted in (None, stored):
        return []
    remediation = f"set it to {stored} or leave it out: no process starts with another one"
    return [Problem(f"RECEIVER_TIMEZONE is {wanted}; the database's is {stored}", remediation)]


def _by_value(processes: Iterable[Alive], name: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for process in processes:
        if name in process.detail:
            label = f"{process.role} {process.name}"
            values.setdefault(str(process.detail[name]), []).append(label)
    return values


def _listed(values: dict[str, list[str]]) -> str:
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in sorted(values.items()))
