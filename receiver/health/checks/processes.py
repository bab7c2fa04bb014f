"""Who is at work: web processes, workers, Redis; and whether they all go by the same mappings."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from redis.exceptions import RedisError

from jobs.heartbeat import Alive, alive
from jobs.queue.doorbell import connect
from jobs.storage.database import Database
from jobs.timezone import stored_timezone
from mappings.engine.loading.load import MappingSet
from receiver.config.settings import Settings
from receiver.health.problem import Finding, Report, note

#: Redis that is this full drops what it is given, or refuses it.
FULL_SHARE = 0.9


async def check_role(database: Database, role: str) -> Report:
    """Whether a process of this role lives: `web` or `work`."""
    found = await alive(database, role=role)
    command, without = {
        "web": ("serve", "no webhook is taken"),
        "work": ("work", "nothing settles"),
    }[role]
    if not found:
        says = f"no {role} process is alive: {without}"
        return Report(says, (Finding(says, f"start `receiver {command}`, or `receiver up`"),))
    deaf = [
        Finding(f"{one.name} does not reach Redis", "settling is slower; see `redis`")
        for one in found
        if one.detail.get("redis") is False
    ]
    return Report.of(f"alive: {', '.join(one.name for one in found)}", deaf)


async def check_redis(settings: Settings) -> Report:
    """Whether Redis answers, keeps what it is given, and has room."""
    redis = connect(settings.redis)
    try:
        memory = await redis.info("memory")
        policy = None
        with contextlib.suppress(RedisError):  # a managed Redis may not tell its settings
            policy = (await redis.config_get("maxmemory-policy")).get("maxmemory-policy")
    except (RedisError, OSError) as error:
        says = f"Redis does not answer ({type(error).__name__})"
        remediation = "bring it back, see RECEIVER_REDIS_URL; nothing is lost, settling is slower"
        return Report(says, (Finding(says, remediation),))
    finally:
        await redis.aclose(close_connection_pool=True)
    return of_memory(memory, policy)


def of_memory(memory: dict[str, Any], policy: str | None) -> Report:
    """What Redis says of its memory: sizes in bytes, `maxmemory` 0 for no bound."""
    used, most = int(memory.get("used_memory", 0)), int(memory.get("maxmemory", 0))
    findings = []
    policy = policy or memory.get("maxmemory_policy")
    if most and policy not in (None, "noeviction"):
        says = f"Redis forgets what it likes when it is full (maxmemory-policy {policy})"
        findings.append(Finding(says, "set maxmemory-policy to noeviction"))
    if most and used > FULL_SHARE * most:
        says = f"Redis is {used / most:.0%} full"
        findings.append(Finding(says, "raise its maxmemory, or give it to this service alone"))
    bound = f" of {most / 1e6:.0f} MB" if most else ""
    return Report.of(f"Redis answers; it uses {used / 1e6:.0f} MB{bound}", findings)


async def check_versions(database: Database, settings: Settings, ours: MappingSet | None) -> Report:
    """Whether all processes go by the same mappings and the same time zone."""
    timezone = await stored_timezone(database) or settings.timezone_name
    found = of_versions(await alive(database), timezone, ours.digest if ours else None)
    return Report.of(found.says, [*found.findings, *of_setting(settings.timezone, timezone)])


def of_setting(wanted: str | None, stored: str) -> list[Finding]:
    """What is set here, held against the zone that the database has."""
    if wanted in (None, stored):
        return []
    remediation = f"set it to {stored} or leave it out: no process starts with another one"
    return [Finding(f"RECEIVER_TIMEZONE is {wanted}; the database's is {stored}", remediation)]


def of_versions(processes: Sequence[Alive], timezone: str, digest: str | None) -> Report:
    """What the processes report, compared with each other and with what is stored and read here.

    `timezone` is the database's. `digest` is of the mappings as they are read here; None where
    they cannot be.
    """
    findings = []
    told = _by_value(processes, "mappings")
    if len(told) > 1:
        says = f"the processes go by different mappings: {_listed(told)}"
        findings.append(Finding(says, "give all of them the same files (RECEIVER_MAPPINGS)"))
    elif told and digest is not None and digest not in told:
        remediation = "see RECEIVER_MAPPINGS; an edit takes a few seconds to reach all"
        findings.append(
            note("the mappings read here are not those that the processes have", remediation)
        )
    zones = _by_value(processes, "timezone")
    if len({*zones, timezone}) > 1:
        says = f"time zones differ: {timezone} in the database; {_listed(zones)}"
        findings.append(Finding(says, "restart those that differ: each takes the database's zone"))
    return Report.of(f"one set of mappings; days begin in {timezone}", findings)


def _by_value(processes: Iterable[Alive], name: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in processes:
        if name in one.detail:
            found.setdefault(str(one.detail[name]), []).append(f"{one.role} {one.name}")
    return found


def _listed(told: dict[str, list[str]]) -> str:
    return "; ".join(f"{value} ({', '.join(names)})" for value, names in sorted(told.items()))
