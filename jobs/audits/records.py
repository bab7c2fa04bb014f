"""Records of deliveries and of corrections by hand: whether each agrees with its outcomes."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from jobs.audits.results import fault
from jobs.audits.scrub import Scrub, pages_by_id
from jobs.common.problem import Problem
from jobs.common.states import DeliveryState
from jobs.storage.schema import actions, deliveries, outcomes

#: The actions that record outcomes.
KINDS = ("reverse", "rebill", "reinstate")

_actions = actions.c
_columns = deliveries.c
#: Outcomes of the delivery itself, not of a correction by hand.
_has_outcome = exists().where(outcomes.c.delivery_id == _columns.id, outcomes.c.action_id.is_(None))

_DIFFERENCES = (
    (
        "is recorded and has no outcome",
        and_(_columns.state == DeliveryState.RECORDED, ~_has_outcome),
    ),
    ("has outcomes and is {}", and_(_columns.state != DeliveryState.RECORDED, _has_outcome)),
    (
        "has lost its body for no recorded reason",
        and_(_columns.body.is_(None), _columns.evidence == "kept"),
    ),
    (
        "is {} without a time or a reason",
        or_(
            and_(_columns.state == DeliveryState.FAILED, _columns.reason.is_(None)),
            and_(_columns.state != DeliveryState.RECEIVED, _columns.settled_at.is_(None)),
        ),
    ),
)


async def faults_of_deliveries(connection: AsyncConnection, ids: Sequence[str]) -> list[Problem]:
    """All that is wrong with these deliveries, as of one moment."""
    faults: list[Problem] = []
    for summary, is_wrong in _DIFFERENCES:
        rows = await connection.execute(
            select(_columns.id, _columns.state)
            .where(_columns.id.in_(ids), is_wrong)
            .order_by(_columns.id)
        )
        faults += [fault(id_, f"delivery {id_} {summary.format(state)}") for id_, state in rows]
    return faults


#: The audit of deliveries. What settles after its round is met by a pass.
RECORDS = Scrub(*pages_by_id(_columns.id), faults_of_deliveries)


async def faults_of_corrections(connection: AsyncConnection, ids: Sequence[str]) -> list[Problem]:
    """The actions that do not have as many outcomes as they count."""
    rows = await connection.execute(
        select(_actions.id, _actions.kind, _actions.count, func.count(outcomes.c.id))
        .join(outcomes, outcomes.c.action_id == _actions.id, isouter=True)
        .where(_actions.id.in_(ids))
        .group_by(_actions.id, _actions.kind, _actions.count)
        .having(_actions.count != func.count(outcomes.c.id))
        .order_by(_actions.id)
    )
    return [
        fault(action, f"action {action} ({kind}) counts {expected} outcomes and has {number}")
        for action, kind, expected, number in rows
    ]


#: The audit of corrections by hand.
CORRECTIONS = Scrub(*pages_by_id(_actions.id, _actions.kind.in_(KINDS)), faults_of_corrections)
