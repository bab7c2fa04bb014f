"""Our clock, held against the database's and against the times at which vendors sign.

Owns which difference is one. A vendor's own clock may be wrong, so it takes several of them, or
one whose every request is refused for its time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import NamedTuple

from sqlalchemy import func, select

from jobs.heartbeat import alive
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, rejections
from receiver.health.problem import Finding, Report, note

#: Leases and schedules are by the database's clock: more than this is worth setting right.
DATABASE_SECONDS = 5.0
#: Requests signed ahead of us by so much; or so long ago that it is no queue of a vendor's.
AHEAD_SECONDS = 10.0
BEHIND_SECONDS = 60.0
#: Fewer requests of a source say nothing of a clock.
ENOUGH = 5
#: So many refused for their time, while none is taken, is no replay of an attacker.
REFUSED = 3
LATELY = timedelta(hours=1)

MEND = "set this machine's clock by NTP"
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
    """How far the database's clock is ahead of ours."""
    async with database.read() as connection:
        await connection.execute(select(database.now()))  # the first statement may wait to connect
        before = datetime.now(UTC)
        theirs = await connection.scalar(select(database.now()))
        after = datetime.now(UTC)
    ours = before + (after - before) / 2
    return ((theirs or ours) - ours).total_seconds()


async def check_clock(database: Database) -> Report:
    """Whether this clock agrees with the others."""
    offset = await database_offset_seconds(database)
    lags: dict[str, tuple[float, int]] = {}
    for process in await alive(database, role="web"):
        for source, (lag, number) in process.detail.get("signed_lags", {}).items():
            if source not in lags or number > lags[source][1]:
                lags[source] = (lag, number)
    findings = [
        *of_database(offset),
        *of_signatures(lags),
        *of_refusals(await _refused(database)),
    ]
    return Report.of(_in_words(offset, lags), findings)


def of_database(offset_seconds: float) -> list[Finding]:
    """What the database's clock says of ours."""
    if abs(offset_seconds) <= DATABASE_SECONDS:
        return []
    way = "ahead of" if offset_seconds > 0 else "behind"
    says = f"the database's clock is {abs(offset_seconds):.0f} s {way} this machine's"
    return [Finding(says, "set both by NTP")]


def of_signatures(lags: Lags) -> list[Finding]:
    """What the times of signing say of our clock."""
    known = {source: lag for source, (lag, number) in lags.items() if number >= ENOUGH}
    if not known:
        return []
    middle = median(known.values())
    if middle < -AHEAD_SECONDS:
        says = f"requests are signed {-middle:.0f} s ahead of this machine's clock, which is late"
        return [Finding(says, MEND)]
    if middle > BEHIND_SECONDS:
        says = f"requests arrive {middle:.0f} s after they were signed: this clock may be early"
        return [Finding(says, f"{MEND}; if it is right, the vendors' queues are slow")]
    odd = {s: lag for s, lag in known.items() if lag < -AHEAD_SECONDS or lag > BEHIND_SECONDS}
    return [
        note(
            f"source {source} signs {abs(lag):.0f} s {'ahead' if lag < 0 else 'ago'} at the median"
        )
        for source, lag in sorted(odd.items())
    ]


def of_refusals(refused: Sequence[TimeRefused]) -> list[Finding]:
    """What requests that were refused for their time say of our clock."""
    findings = []
    for one in refused:
        if one.refused < REFUSED:
            continue
        says = f"{one.refused} requests of {one.source} were refused as {one.cause} in an hour"
        if one.taken:
            findings.append(note(f"{says}, {one.taken} were taken"))
        else:
            findings.append(Finding(f"{says} and none was taken", MEND))
    return findings


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
    said = f"{abs(offset):.1f} s from the database's"
    if not enough:
        return f"{said}; too few recent requests say when they were signed"
    lag = f"{median(enough.values()):.1f} s"
    return f"{said}; requests arrive {lag} after they were signed (sources: {len(enough)})"
