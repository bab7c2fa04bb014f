"""What people did to the ledger by hand: each action has as many outcomes as it counts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.audits.results import fault
from jobs.audits.scrub import Scrub, pages_by_id
from jobs.common.problem import Problem
from jobs.storage.schema import actions, outcomes

#: The actions that record outcomes.
KINDS = ("reverse", "rebill", "reinstate")

_columns = actions.c


async def faults_of_corrections(connection: AsyncConnection, ids: Sequence[str]) -> list[Problem]:
    """The actions that do not have as many outcomes as they count."""
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
CORRECTIONS = Scrub(*pages_by_id(_columns.id, _columns.kind.in_(KINDS)), faults_of_corrections)
