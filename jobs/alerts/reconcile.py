"""From the problems found now and the alerts stored, to the changes of the table: pure.

Owns the life of an alert. It fires once with its problem and is quiet as long as the problem
lasts; when that has been gone for a while the alert is resolved, and where it helps that is sent
too. One that was never sent is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from jobs.alerts.alert import BACKLOG, RESOLVES, detail_of, key_of
from jobs.common.ids import new_id
from jobs.common.problem import Problem

#: A problem not found for this long is gone: a repeat takes a failed delivery up for a moment.
GONE = timedelta(seconds=25)
#: A problem of these kinds has to last for so long before its alert is sent.
HOLDS = {BACKLOG: timedelta(seconds=20)}
#: So many alerts may wait to be sent, and so many may be open; more problems wait for room.
MOST_WAITING = 200
MOST_OPEN = 2_000

#: A row of the table, by the names of its columns.
Row = Any


@dataclass(slots=True)
class Changes:
    """What to write: new rows, values by key, and keys to delete."""

    opened: list[dict[str, Any]] = field(default_factory=list)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    deleted: list[str] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not (self.opened or self.changed or self.deleted)


def changes(
    rows: Sequence[Row], problems: Sequence[Problem], checked: Set[str], now: datetime
) -> Changes:
    """What the table `alerts` needs to match `problems`; kinds not checked stay as they are."""
    result = Changes()
    found = {key_of(problem): problem for problem in problems}
    for row in rows:
        if row["kind"] not in checked and row["resolved_at"] is None:
            continue
        problem = found.get(row["key"])
        if problem is not None:
            _still_found(row, problem, now, result)
        else:
            _not_found(row, now, result)
    _open(rows, found, now, result)
    return result


def _open(rows: Sequence[Row], found: dict[str, Problem], now: datetime, result: Changes) -> None:
    known = {row["key"] for row in rows}
    waiting = sum(row["sent_at"] is None for row in rows)
    room = min(MOST_WAITING - waiting, MOST_OPEN - len(rows))
    new = [(key, problem) for key, problem in found.items() if key not in known]
    for key, problem in new[: max(room, 0)]:
        result.opened.append(
            {
                "key": key,
                "id": new_id(),
                "kind": problem.name,
                "detail": detail_of(problem),
                "opened_at": now,
                "next_attempt_at": now + HOLDS.get(problem.name, timedelta()),
            }
        )


def _still_found(row: Row, problem: Problem, now: datetime, result: Changes) -> None:
    if row["resolved_at"] is not None:
        # It came back before or after its end was sent: the last word sent is that it fires.
        if row["sent_at"] is None:
            result.changed[row["key"]] = {"resolved_at": None, "missed_at": None, "sent_at": now}
        else:
            result.deleted.append(row["key"])
        return
    values: dict[str, Any] = {}
    if row["missed_at"] is not None:
        values["missed_at"] = None
    if row["sent_at"] is None and row["detail"] != detail_of(problem):
        values["detail"] = detail_of(problem)
    if values:
        result.changed[row["key"]] = values


def _not_found(row: Row, now: datetime, result: Changes) -> None:
    key = row["key"]
    if row["resolved_at"] is not None:
        if row["sent_at"] is not None:
            result.deleted.append(key)
    elif row["missed_at"] is None:
        result.changed[key] = {"missed_at": now}
    elif now - row["missed_at"] >= GONE:
        _resolve(row, now, result)


def _resolve(row: Row, now: datetime, result: Changes) -> None:
    if row["sent_at"] is None or row["kind"] not in RESOLVES:
        result.deleted.append(row["key"])
        return
    result.changed[row["key"]] = {
        "id": new_id(),
        "resolved_at": now,
        "sent_at": None,
        "attempts": 0,
        "next_attempt_at": now,
    }
