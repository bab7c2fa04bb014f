"""Replays that do not come to their end.

A released delivery that has settled without answering its replay would keep it open for good. One
that does not move for long has lost its workers.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select

from jobs.audits.results import RoundResult, fault
from jobs.common.problem import Problem
from jobs.common.states import DeliveryState
from jobs.storage.database import Database
from jobs.storage.schema import deliveries, replay_items, replays

#: A replay that has the same number of open deliveries for this long is stuck.
STILL = timedelta(minutes=10)


async def audit_replays(database: Database, progress: Mapping[str, Any]) -> RoundResult:
    """The replays that cannot end or do not move, by what was seen of them before."""
    items = replay_items.c
    is_open = replays.c.state == "running"
    unanswered = (
        select(items.replay_id, items.delivery_id, deliveries.c.state)
        .join(replays, replays.c.id == items.replay_id)
        .join(deliveries, deliveries.c.id == items.delivery_id)
        .where(is_open, items.released == 1, items.result.is_(None))
        .where(deliveries.c.state != DeliveryState.RECEIVED)
        .order_by(items.replay_id, items.position)
    )
    left = (
        select(replays.c.id, func.count(items.delivery_id))
        .join(
            replay_items,
            (items.replay_id == replays.c.id) & items.result.is_(None),
            isouter=True,
        )
        .where(is_open)
        .group_by(replays.c.id)
    )
    async with database.read() as connection:
        forgotten = (await connection.execute(unanswered.limit(1_000))).all()
        open_counts = {row[0]: int(row[1]) for row in await connection.execute(left)}
        now = await database.time(connection)
    seen = moved(progress.get("seen", {}), open_counts, now)
    faults = [
        fault(replay, f"replay {replay} waits for delivery {delivery}, which is {state}")
        for replay, delivery, state in forgotten
    ]
    waits_for_settled = {stuck.subject for stuck in faults}
    faults += [stuck for stuck in still(seen, now) if stuck.subject not in waits_for_settled]
    return RoundResult.of(faults, seen=seen)


Seen = Mapping[str, Any]


def moved(before: Mapping[str, Seen], left: Mapping[str, int], now: datetime) -> dict[str, Seen]:
    """For each replay how many deliveries it has left, and since when it has that many."""
    return {
        replay: before[replay]
        if replay in before and before[replay]["left"] == number
        else {"left": number, "since": now.isoformat()}
        for replay, number in left.items()
    }


def still(seen: Mapping[str, Seen], now: datetime) -> list[Problem]:
    """Those that have not moved for long."""
    return [
        fault(replay, f"replay {replay} has {last['left']} deliveries left since {last['since']}")
        for replay, last in sorted(seen.items())
        if now - datetime.fromisoformat(last["since"]) >= STILL
    ]
