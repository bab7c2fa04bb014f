"""An alert is sent once, is quiet while its problem lasts, and is sent again with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.alerts import reconcile as module
from jobs.alerts.alert import KINDS
from jobs.alerts.reconcile import GONE, HOLDS, MOST_WAITING, changes
from jobs.common.problem import Problem

START = datetime(2026, 3, 1, tzinfo=UTC)
ALL = set(KINDS)
EMPTY: dict[str, Any] = {"missed_at": None, "resolved_at": None, "sent_at": None, "attempts": 0}


def problem(key: str = "failures:a", *, summary: str = "4 failed") -> Problem:
    name, _, subject = key.partition(":")
    return Problem(summary, name=name, subject=subject, resolved="over")


class Table:
    """The table, changed by `changes`, with a clock of its own."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.now = START

    def look(self, *problems: Problem, at: set[str] = ALL, after: timedelta = GONE) -> None:
        self.now += after
        wanted = changes(list(self.rows.values()), problems, at, self.now)
        for row in wanted.opened:
            self.rows[row["key"]] = {**EMPTY, **row}
        for key, values in wanted.changed.items():
            self.rows[key].update(values)
        for key in wanted.deleted:
            del self.rows[key]

    def send(self) -> list[str]:
        """Post what is due, as `AlertRepository` does; the texts."""
        sent = []
        for key, row in list(self.rows.items()):
            is_sendable = row["missed_at"] is None or row["resolved_at"] is not None
            if row["sent_at"] is None and row["next_attempt_at"] <= self.now and is_sendable:
                detail = row["detail"]
                sent.append(detail["resolved"] if row["resolved_at"] else detail["summary"])
                row["sent_at"] = self.now
                if row["resolved_at"]:
                    del self.rows[key]
        return sent


def test_a_condition_is_sendable_once_for_as_long_as_it_lasts() -> None:
    table = Table()
    table.look(problem())
    assert table.send() == ["4 failed."]
    for number in range(5, 9):
        table.look(problem(summary=f"{number} failed"))
        assert table.send() == []


def test_what_was_fixed_and_comes_back_is_sendable_again() -> None:
    table = Table()
    table.look(problem())
    table.send()
    table.look()
    table.look()
    assert table.rows == {}
    table.look(problem())
    assert table.send() == ["4 failed."]


def test_a_moment_without_it_is_no_end() -> None:
    table = Table()
    table.look(problem())
    table.send()
    table.look(after=timedelta(seconds=15))
    table.look(problem(), after=timedelta(seconds=1))
    assert table.rows["failures:a"]["missed_at"] is None
    table.look(after=timedelta(seconds=15))
    table.look(problem(), after=timedelta(seconds=1))
    assert table.send() == []


def test_until_an_alert_is_sent_its_numbers_stay_true() -> None:
    table = Table()
    table.look(problem(summary="4 failed"))
    table.look(problem(summary="90 failed"))
    assert table.send() == ["90 failed."]


def test_what_was_never_sent_is_dropped() -> None:
    table = Table()
    table.look(problem("silence:desk"))
    table.look()
    assert table.send() == []
    table.look()
    assert table.rows == {}


def test_the_end_of_a_silence_is_sendable_once() -> None:
    table = Table()
    table.look(problem("silence:desk", summary="silent"))
    assert table.send() == ["Silent."]
    table.look()
    table.look()
    assert table.send() == ["over"]
    assert table.rows == {}


def test_the_end_of_a_failure_group_is_not_sent() -> None:
    table = Table()
    table.look(problem())
    table.send()
    table.look()
    table.look()
    assert table.send() == []


def test_what_comes_back_before_its_end_was_sent_is_sendable_neither_way() -> None:
    table = Table()
    table.look(problem("silence:desk"))
    table.send()
    table.look()
    table.look()
    table.look(problem("silence:desk"))
    assert table.send() == []
    assert table.rows["silence:desk"]["resolved_at"] is None


def test_a_backlog_is_sendable_once_it_has_held_for_a_while() -> None:
    table = Table()
    table.look(problem("backlog"))
    assert table.send() == []
    table.look(after=timedelta(seconds=5))
    table.look(problem("backlog"), after=HOLDS["backlog"])
    assert table.send() == ["4 failed."]


def test_a_kind_that_was_not_checked_stays_as_it_is() -> None:
    table = Table()
    table.look(problem())
    table.send()
    for _ in range(3):
        table.look(at=ALL - {"failures"})
    assert list(table.rows) == ["failures:a"]


def test_no_more_wait_than_there_is_room_for_and_the_others_open_later() -> None:
    table = Table()
    many = [problem(f"failures:{number}") for number in range(MOST_WAITING + 50)]
    table.look(*many)
    assert len(table.rows) == MOST_WAITING
    table.look(*many)
    assert len(table.rows) == MOST_WAITING
    assert len(table.send()) == MOST_WAITING
    table.look(*many)
    assert len(table.send()) == 50


def test_what_is_open_is_bounded_too() -> None:
    rows = [
        {**EMPTY, "key": f"failures:{number}", "kind": "failures", "sent_at": START}
        for number in range(module.MOST_OPEN)
    ]
    new = problem("failures:new")
    held = [problem(row["key"]) for row in rows]
    assert changes(rows, [*held, new], ALL, START).opened == []
