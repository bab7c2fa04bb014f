"""This machine's clock, compared with the database's and with the times at which vendors sign.

Owns which difference is a problem. A vendor's own clock may be wrong, so it takes several of them,
or one whose every request is refused for its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from sqlalchemy import func, select

from jobs.common.problem import Problem, note
from jobs.heartbeat import alive
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, rejections
from receiver.health.check import CheckContext, CheckResult

#: Leases and schedules are by the database's clock: more than this is worth setting right.
DATABASE_SECONDS = 5.0
#: Requests signed so far ahead of this clock; or longer ago than a vendor's queue explains.
AHEAD_SECONDS = 10.0
BEHIND_SECONDS = 60.0
#: Fewer requests of a source prove nothing about a clock.
ENOUGH = 5
#: So many refused for their time, while none is taken, are not an attacker's replays.
REFUSED = 3
LATELY = timedelta(hours=1)

REMEDIATION = "set this machine's clock by NTP"
CAUSES = ("future-timestamp", "stale-timestamp")

#: By source: the median of how many seconds ago requests were signed, and of how many.
Lags = Mapping[str, tuple[float, int]]


class TimeRefused(NamedTuple):
    """Requests of one source that were refused for their time lately, and those taken."""

    source: str
    cause: str
    refused: int
    taken: int


async def database_offset_seconds(database: Database) -> float:
    """How far the database's clock is ahead of this one."""
    async with database.read() as connection:
        await connection.execute(select(database.now()))  # the first statement may wait to connect
        before = datetime.now(UTC)
        theirs = await connection.scalar(select(database.now()))
        after = datetime.now(UTC)
    ours = before + (after - before) / 2
    return ((theirs or ours) - ours).total_seconds()


async def check_clock(context: CheckContext) -> CheckResult:
    """Whether this clock agrees with the others."""
    database = context.database
    offset = await database_offset_seconds(database)
    lags: dict[str, tuple[float, int]] = {}
    for process in await alive(database, role="web"):
        for source, (lag, number) in process.detail.get("signed_lags", {}).items():
            if source not in lags or number > lags[source][1]:
                lags[source] = (lag, number)
    problems = [
        *of_database(offset),
        *of_signatures(lags),
        *of_refusals(await _refused(database)),
    ]
    return CheckResult(_in_words(offset, lags), problems)


def of_database(offset_seconds: float) -> list[Problem]:
    """What the database's clock means for this one."""
    if abs(offset_seconds) <= DATABASE_SECONDS:
        return []
    way = "ahead of" if offset_seconds > 0 else "behind"
    summary = f"the database's clock is {abs(offset_seconds):.0f} s {way} this machine's"
    return [Problem(summary, "set both by NTP")]


def of_signatures(lags: Lags) -> list[Problem]:
    """What the times of signing mean for this clock."""
    known = {source: lag for source, (lag, number) in lags.items() if number >= ENOUGH}
    if not known:
        return []
    middle = median(known.values())
    if middle < -AHEAD_SECONDS:
        summary = f"requests are signed {-middle:.0f} s ahead of this machine's clock: it is slow"
        return [Problem(summary, REMEDIATION)]
    if middle > BEHIND_SECONDS:
        summary = f"requests arrive {middle:.0f} s after they were signed: this clock may be fast"
        return [Problem(summary, f"{REMEDIATION}; if it is right, the vendors' queues are slow")]
    odd = {s: lag for s, lag in known.items() if lag < -AHEAD_SECONDS or lag > BEHIND_SECONDS}
    return [
        note(
            f"source {source} signs {abs(lag):.0f} s {'ahead' if lag < 0 else 'ago'} at the median"
        )
        for source, lag in sorted(odd.items())
    ]


def of_refusals(refused: Sequence[TimeRefused]) -> list[Problem]:
    """What requests refused for their time mean for this clock."""
    problems = []
    for lately in refused:
        if lately.refused < REFUSED:
            continue
        source, cause, number, taken = lately
        summary = f"{number} requests of {source} were refused as {cause} in an hour"
        if taken:
            problems.append(note(f"{summary}, {taken} were taken"))
        else:
            problems.append(Problem(f"{summary} and none was taken", REMEDIATION))
    return problems


async def _refused(database: Database) -> list[TimeRefused]:
    since = database.now(plus_seconds=-LATELY.total_seconds())
    columns = rejections.c
    query = (
        select(columns.source, columns.cause, func.count())
        .where(columns.at >= since, columns.cause.in_(CAUSES))
        .group_by(columns.source, columns.cause)
        .order_by(columns.source, columns.cause)
    )
    async with database.read() as connection:
        rows = [(row[0], row[1], row[2]) for row in await connection.execute(query)]
        counted = await connection.execute(
            select(deliveries.c.source, func.count())
            .where(
                deliveries.c.received_at >= since,
                deliveries.c.source.in_({source for source, _, _ in rows}),
            )
            .group_by(deliveries.c.source)
        )
        taken: dict[str, int] = {row[0]: row[1] for row in counted}
    return [
        TimeRefused(source, cause, number, taken.get(source, 0)) for source, cause, number in rows
    ]


def _in_words(offset: float, lags: Lags) -> str:
    enough = {source: lag for source, (lag, number) in lags.items() if number >= ENOUGH}
    ours = f"within {abs(offset):.1f} s of the database's"
    if not enough:
        return f"{ours}; too few signed requests to compare"
    lag = f"{median(enough.values()):.1f} s"
    return f"{ours}; requests arrive {lag} after signing (sources: {len(enough)})"
