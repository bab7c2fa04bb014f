"""Failures by cause: thousands of failed deliveries as the handful of fixes they need.

Owns the remediation of each cause, and the command that replays it afterwards.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime
from sqlalchemy import select

from jobs.common.failure_groups import collapse_but, group_id, shared, values_of
from jobs.common.states import DeliveryState
from jobs.filters import DeliveryFilter
from jobs.queries.shape import Shape
from jobs.storage.database import Database
from jobs.storage.schema import deliveries
from mappings.engine.reasons import remediation_of


class FailureGroup(Shape):
    """Failures with one cause; `id` is what the filter `group` takes.

    In `detail` the ids, numbers and quoted values that differ between them are collapsed.
    `example_delivery` and `example_detail` are the latest of the group, uncollapsed.
    """

    id: str
    source: str
    reason: str
    rule: str | None
    detail: str
    count: int
    first_seen: AwareDatetime
    last_seen: AwareDatetime
    outcomes_held_back: int
    remediation: str
    replay: str
    example_delivery: str
    example_detail: str


@dataclass(slots=True)
class _Group:
    """Failures of one cause, as far as they were read. `values` is what their details share.

    `is_kept` unless a process of an earlier version recorded one of them, without its group.
    """

    source: str
    reason: str
    rule: str | None
    first: datetime
    last: datetime
    example: tuple[str, str]
    values: tuple[str | None, ...]
    is_kept: bool = True
    count: int = 0
    held_back: int = 0


async def read_failures(
    database: Database, where: DeliveryFilter | None = None
) -> tuple[FailureGroup, ...]:
    """All that is failed now, by source, reason, rule and collapsed detail; largest first.

    Rows are folded as they come: memory is that of the groups.
    """
    columns = deliveries.c
    query = select(
        columns.id, columns.source, columns.reason, columns.rule, columns.detail,
        columns.received_at, columns.held_back, columns.failure_group,
    ).where(columns.state == DeliveryState.FAILED)  # fmt: skip
    if where is not None:
        query = query.where(where.where())
    groups: dict[str, _Group] = {}
    async with database.read() as connection:
        async for row in (await connection.stream(query)).mappings():
            _count(groups, row)
    shapes = [_shape(name, group) for name, group in groups.items()]
    return tuple(
        sorted(shapes, key=lambda g: (-g.count, g.source, g.reason, g.rule or "", g.detail))
    )


def replay_command(source: str, reason: str, rule: str | None, group: str | None) -> str:
    """What to paste into a shell once the cause is removed: it takes this group and no other."""
    words = ["receiver", "replay", "--source", source, "--reason", reason]
    words += ["--rule", rule] if rule is not None else []
    words += ["--group", group] if group is not None else []
    return shlex.join(words)


def _count(groups: dict[str, _Group], row: Mapping[Any, Any]) -> None:
    at, detail, kept = row["received_at"], row["detail"] or "", row["failure_group"]
    named = (row["source"], row["reason"] or "", row["rule"])
    name = kept or group_id(*named, detail)
    values = values_of(detail)
    group = groups.get(name)
    if group is None:
        group = groups[name] = _Group(*named, at, at, (row["id"], detail), values)
    group.is_kept &= kept is not None
    group.values = shared(group.values, values)
    if at >= group.last:
        group.last, group.example = at, (row["id"], detail)
    group.first = min(group.first, at)
    group.count += 1
    group.held_back += row["held_back"]


def _shape(name: str, group: _Group) -> FailureGroup:
    return FailureGroup(
        id=name,
        source=group.source,
        reason=group.reason,
        rule=group.rule,
        detail=collapse_but(group.example[1], group.values),
        count=group.count,
        first_seen=group.first,
        last_seen=group.last,
        outcomes_held_back=group.held_back,
        remediation=remediation_of(group.reason),
        replay=replay_command(
            group.source, group.reason, group.rule, name if group.is_kept else None
        ),
        example_delivery=group.example[0],
        example_detail=group.example[1],
    )
