"""Failures by cause: thousands of failed deliveries as the handful of mends they need.

Owns what counts as one cause, what mends it, and the command that replays it afterwards.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from jobs.database import Database
from jobs.filters import DeliveryFilter
from jobs.queries.shapes import FailureGroup
from jobs.schema import deliveries
from mappings.engine.types import Reason

#: What settling adds about the delivery as a whole, behind the cause itself.
_ABOUT_DELIVERY = re.compile(
    r"( \(\d+ more of its events fail\))?( \(holds back \d+ good outcomes?\))?$"
)
#: What varies within one cause, and what is kept although it looks so.
_VARYING = re.compile(
    r"""
      (?P<kept> `[^`]*[ (][^`]*` | \btable\ "[^"]*" )  # an expression as written, a table's name
    | (?P<quoted> "(?:[^"\\]|\\.)*" | (?<!\w)'(?:[^'\\]|\\.)*'(?!\w) )  # isn't quotes nothing
    | (?P<triple> \S+\ /\ \S+\ /\ \S+?(?=[,;.]?(?:\s|$)) )  # agent / customer / indicator
    | (?P<numbered> [\w@+-]*\d(?:[\w@+:.-]*\w)? )  # a number, a time, somebody's id
    """,
    re.VERBOSE,
)
#: Longer details differ in values, not in cause.
LONGEST_CAUSE = 1_000
_INSTEAD = {"quoted": '"…"', "triple": "… / … / …", "numbered": "…"}

MENDS: Mapping[str, str] = {
    Reason.PARSE: (
        "The body is not what the mapping reads. See it with `receiver show`; mend the sender"
        " and discard these, or let the mapping read them and replay."
    ),
    Reason.MAPPING: (
        "Mend the rule that the detail names in the source's mapping file, check it with"
        " `receiver try`, then replay."
    ),
    Reason.UNMAPPED: "Add the missing key to the table that the detail names, then replay.",
    Reason.UNPRICED: "Add the price that the detail names to agents.yaml, then replay.",
    Reason.CONFLICT: (
        "The same outcome stands recorded for another agent, customer or indicator. Mend the rule"
        " that is wrong and replay, or discard these."
    ),
    Reason.ID_REUSED: (
        "The vendor used a signed delivery id twice with different bodies. Replay settles each as"
        " a delivery of its own; or discard these."
    ),
    Reason.INTERNAL: (
        "A fault of this service: the worker's log has the traceback under the delivery's id."
        " Replay once it is mended."
    ),
}
_UNKNOWN = "See what the detail says, mend it, then replay."


@dataclass(slots=True)
class _Group:
    first: datetime
    last: datetime
    example: tuple[str, str]
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
        columns.received_at, columns.held_back,
    ).where(columns.state == "failed")  # fmt: skip
    if where is not None:
        query = query.where(where.where())
    groups: dict[tuple[str, str, str | None, str], _Group] = {}
    async with database.read() as connection:
        async for row in (await connection.stream(query)).mappings():
            _count(groups, row)
    found = [_shape(key, group) for key, group in groups.items()]
    return tuple(
        sorted(found, key=lambda g: (-g.count, g.source, g.reason, g.rule or "", g.detail))
    )


def collapse(detail: str) -> str:
    """The detail without what differs from one delivery to the next of the same cause."""
    cause = _ABOUT_DELIVERY.sub("", detail)[:LONGEST_CAUSE]
    return _VARYING.sub(lambda found: _INSTEAD.get(found.lastgroup or "", found[0]), cause)


def replay_command(source: str, reason: str, rule: str | None) -> str:
    """What to paste into a shell once the cause is mended."""
    words = ["receiver", "replay", "--source", source, "--reason", reason]
    return shlex.join([*words, "--rule", rule] if rule is not None else words)


def _count(groups: dict[tuple[str, str, str | None, str], _Group], row: Mapping[Any, Any]) -> None:
    at, detail = row["received_at"], row["detail"] or ""
    key = (row["source"], row["reason"] or "", row["rule"], collapse(detail))
    group = groups.setdefault(key, _Group(at, at, (row["id"], detail)))
    if at >= group.last:
        group.last, group.example = at, (row["id"], detail)
    group.first = min(group.first, at)
    group.count += 1
    group.held_back += row["held_back"]


def _shape(key: tuple[str, str, str | None, str], group: _Group) -> FailureGroup:
    source, reason, rule, detail = key
    return FailureGroup(
        source=source,
        reason=reason,
        rule=rule,
        detail=detail,
        count=group.count,
        first_seen=group.first,
        last_seen=group.last,
        outcomes_held_back=group.held_back,
        mend=MENDS.get(reason, _UNKNOWN),
        replay=replay_command(source, reason, rule),
        example_delivery=group.example[0],
        example_detail=group.example[1],
    )
