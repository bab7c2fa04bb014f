"""What people did to the ledger by hand: each action with its outcomes, and as many as it says."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.audits.results import fault
from jobs.audits.scrub import PAGE, Scrub
from jobs.health.problem import Problem
from jobs.storage.schema import actions, outcomes

#: The actions that record outcomes.
KINDS = ("reverse", "rebill", "reinstate")

_columns = actions.c


async def next_corrections(connection: AsyncConnection, after: str) -> list[str]:
    """The actions after that one."""
    rows = await connection.execute(
        select(_columns.id)
        .where(_columns.id > after, _columns.kind.in_(KINDS))
        .order_by(_columns.id)
        .limit(PAGE)
    )
    return list(rows.scalars())


async def changed_corrections(connection: AsyncConnection, floor: str, after: str) -> list[str]:
    """Those made under an id from `floor` on."""
    return await next_corrections(connection, max(after, floor))


async def faults_of_corrections(connection: AsyncConnection, ids: Sequence[str]) -> list[Problem]:
    """The actions that do not have as many outcomes as they say."""
    rows = await connection.execute(
        select(_columns.id, _columns.kind, _columns.count, func.count(outcomes.c.id))
        .join(outcomes, outcomes.c.action_id == _columns.id, isouter=True)
        .where(_columns.id.in_(ids))
        .group_by(_columns.id, _columns.kind, _columns.count)
        .having(_columns.count != func.count(outcomes.c.id))
        .order_by(_columns.id)
    )
    return [
        fault(action, f"action {action} ({kind}) counts {expected} outcomes and has {number}")
        for action, kind, expected, number in rows
    ]


#: The audit.
CORRECTIONS = Scrub(next_corrections, changed_corrections, faults_of_corrections)
