"""A notice is told once, is quiet while its condition lasts, and comes again with it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from jobs.alerts import reconcile as keeping
from jobs.alerts.conditions import KINDS, Condition
from jobs.alerts.reconcile import GONE, HOLDS, MOST_WAITING, changes

START = datetime(2026, 3, 1, tzinfo=UTC)
ALL = set(KINDS)
EMPTY: dict[str, Any] = {"missed_at": None, "ended_at": None, "sent_at": None, "attempts": 0}


def condition(key: str = "failures:a", *, says: str = "4 failed") -> Condition:
    kind = key.partition(":")[0]
    return Condition(key=key, kind=kind, says=says, run=(), facts={}, ended="over")


class Table:
    """The table, changed as `changes` says, with a clock of its own."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.now = START

    def look(self, *conditions: Condition, at: set[str] = ALL, after: timedelta = GONE) -> None:
        self.now += after
        wanted = changes(list(self.rows.values()), conditions, at, self.now)
        for row in wanted.opened:
            self.rows[row["key"]] = {**EMPTY, **row}
        for key, values in wanted.changed.items():
            self.rows[key].update(values)
        for key in wanted.forgotten:
            del self.rows[key]

    def send(self) -> list[str]:
        """Post what is due, as `NoticeBook` does; what it said."""
        said = []
        for key, row in list(self.rows.items()):
            is_told = row["missed_at"] is None or row["ended_at"] is not None
            if row["sent_at"] is None and row["next_attempt_at"] <= self.now and is_told:
                said.append(row["detail"]["ended"] if row["ended_at"] else row["detail"]["says"])
                row["sent_at"] = self.now
                if row["ended_at"]:
                    del self.rows[key]
        return said


def test_a_condition_is_told_once_for_as_long_as_it_lasts() -> None:
    table = Table()
    table.look(condition())
    assert table.send() == ["4 failed"]
    for number in range(5, 9):
        table.look(condition(says=f"{number} failed"))
        assert table.send() == []


def test_what_was_mended_and_comes_back_is_told_again() -> None:
    table = Table()
    table.look(condition())
    table.send()
    table.look()
    table.look()
    assert table.rows == {}
    table.look(condition())
    assert table.send() == ["4 failed"]


def test_a_moment_without_it_is_no_end() -> None:
    table = Table()
    table.look(condition())
    table.send()
    table.look(after=timedelta(seconds=15))
    table.look(condition(), after=timedelta(seconds=1))
    assert table.rows["failures:a"]["missed_at"] is None
    table.look(after=timedelta(seconds=15))
    table.look(condition(), after=timedelta(seconds=1))
    assert table.send() == []


def test_while_nobody_could_be_told_the_numbers_stay_true() -> None:
    table = Table()
    table.look(condition(says="4 failed"))
    table.look(condition(says="90 failed"))
    assert table.send() == ["90 failed"]


def test_what_was_never_told_ends_without_a_word() -> None:
    table = Table()
    table.look(condition("silence:desk"))
    table.look()
    assert table.send() == []
    table.look()
    assert table.rows == {}


def test_the_end_of_a_silence_is_told_once() -> None:
    table = Table()
    table.look(condition("silence:desk", says="silent"))
    assert table.send() == ["silent"]
    table.look()
    table.look()
    assert table.send() == ["over"]
    assert table.rows == {}


def test_the_end_of_a_failure_group_is_not_told() -> None:
    table = Table()
    table.look(condition())
    table.send()
    table.look()
    table.look()
    assert table.send() == []


def test_what_comes_back_before_its_end_was_told_is_told_neither_way() -> None:
    table = Table()
    table.look(condition("silence:desk"))
    table.send()
    table.look()
    table.look()
    table.look(condition("silence:desk"))
    assert table.send() == []
    assert table.rows["silence:desk"]["ended_at"] is None


def test_a_backlog_is_told_once_it_has_held_for_a_while() -> None:
    table = Table()
    table.look(condition("backlog"))
    assert table.send() == []
    table.look(after=timedelta(seconds=5))
    table.look(condition("backlog"), after=HOLDS["backlog"])
    assert table.send() == ["4 failed"]


def test_a_kind_that_was_not_looked_at_stays_as_it_is() -> None:
    table = Table()
    table.look(condition())
    table.send()
    for _ in range(3):
        table.look(at=ALL - {"failures"})
    assert list(table.rows) == ["failures:a"]


def test_no_more_wait_than_there_is_room_for_and_the_others_open_later() -> None:
    table = Table()
    many = [condition(f"failures:{number}") for number in range(MOST_WAITING + 50)]
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
        for number in range(keeping.MOST_OPEN)
    ]
    new = condition("failures:new")
    held = [condition(row["key"]) for row in rows]
    assert changes(rows, [*held, new], ALL, START).opened == []
