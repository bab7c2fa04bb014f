"""From what holds now, and what was told of, to what is to be told: pure.

Owns the life of a notice. It opens with its condition and is told once; it is quiet as long as the
condition lasts; when that is gone for a while the notice ends, and where it helps that is told too.
One that was never told ends without a word.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jobs.alerts.conditions import BACKLOG, ENDS, Condition
from jobs.common.ids import new_id

#: A condition not seen for this long is gone: a repeat takes a failed delivery up for a moment.
GONE = timedelta(seconds=25)
#: A condition of these kinds has to hold for so long before it is told.
HOLDS = {BACKLOG: timedelta(seconds=20)}
#: So many notices may wait to be sent, and so many may be open; more conditions open later.
MOST_WAITING = 200
MOST_OPEN = 2_000

#: A row of the table, by the names of its columns.
Row = Any


@dataclass(slots=True)
class Changes:
    """What to write: new rows, values by key, and keys to be forgotten."""

    opened: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.opened or self.changed or self.forgotten)


def changes(
    rows: Sequence[Row], conditions: Sequence[Condition], looked_at: Set[str], now: datetime
) -> Changes:
    """What the table `notices` needs to say what holds; kinds not looked at stay as they are."""
    result = Changes()
    holding = {one.key: one for one in conditions}
    for row in rows:
        if row["kind"] not in looked_at and row["ended_at"] is None:
            continue
        condition = holding.get(row["key"])
        if condition is not None:
            _still_there(row, condition, now, result)
        else:
            _not_there(row, now, result)
    _open(rows, conditions, now, result)
    return result


def _open(
    rows: Sequence[Row], conditions: Sequence[Condition], now: datetime, result: Changes
) -> None:
    known = {row["key"] for row in rows}
    waiting = sum(row["sent_at"] is None for row in rows)
    room = min(MOST_WAITING - waiting, MOST_OPEN - len(rows))
    new = [one for one in conditions if one.key not in known]
    for condition in new[: max(room, 0)]:
        result.opened.append(
            {
                "key": condition.key,
                "id": new_id(),
                "kind": condition.kind,
                "detail": condition.as_detail(),
                "opened_at": now,
                "next_attempt_at": now + HOLDS.get(condition.kind, timedelta()),
            }
        )


def _still_there(row: Row, condition: Condition, now: datetime, result: Changes) -> None:
    if row["ended_at"] is not None:
        # It came back before its end was told, or after: it was told that it is there.
        if row["sent_at"] is None:
            result.changed[row["key"]] = {"ended_at": None, "missed_at": None, "sent_at": now}
        else:
            result.forgotten.append(row["key"])
        return
    values: dict[str, Any] = {}
    if row["missed_at"] is not None:
        values["missed_at"] = None
    if row["sent_at"] is None and row["detail"] != condition.as_detail():
        values["detail"] = condition.as_detail()
    if values:
        result.changed[row["key"]] = values


def _not_there(row: Row, now: datetime, result: Changes) -> None:
    key = row["key"]
    if row["ended_at"] is not None:
        if row["sent_at"] is not None:
            result.forgotten.append(key)
    elif row["missed_at"] is None:
        result.changed[key] = {"missed_at": now}
    elif now - row["missed_at"] >= GONE:
        _end(row, now, result)


def _end(row: Row, now: datetime, result: Changes) -> None:
    if row["sent_at"] is None or row["kind"] not in ENDS:
        result.forgotten.append(row["key"])
        return
    result.changed[row["key"]] = {
        "id": new_id(),
        "ended_at": now,
        "sent_at": None,
        "attempts": 0,
        "next_attempt_at": now,
    }
