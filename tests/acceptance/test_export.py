"""The ledger exported and closed while it is written, a transaction is held open, exporters die.

`EXPORT_LINES=20000` is the long form.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import PostgresDatabase
from tests.support.exporter import pages
from tests.support.processes import wait_until
from tests.support.service import TOKEN, Server, Service
from tests.support.vendors import Post, crm, won

pytestmark = pytest.mark.acceptance

ROOT = Path(__file__).parents[2]
LINES = int(os.environ.get("EXPORT_LINES", "2000"))
#: Lines of one delivery.
EVENTS = 200
PERIODS = 100
NOW = {"sqlite": "strftime('%Y-%m-%d %H:%M:%f000', 'now')", "postgres": "now()"}
COLUMNS = (
    "sequence, kind, agent_id, customer_id, indicator, amount_micros, currency, occurred_at,"
    " source, outcome_id, meta_tags"
)


@contextlib.contextmanager
def held_open(service: Service) -> Iterator[None]:
    """Another client's transaction that has written a line, committed at the end."""
    with contextlib.ExitStack() as stack:
        if isinstance(service.database, PostgresDatabase):
            run: Callable[[str], object] = stack.enter_context(service.database.session())
            dialect = "postgres"
            run("BEGIN")
        else:
            path = service.database.url.partition("///")[2]
            connection = sqlite3.connect(path, timeout=30, isolation_level=None)
            stack.enter_context(contextlib.closing(connection))
            run, dialect = connection.execute, "sqlite"
            run("BEGIN IMMEDIATE")
        run("INSERT INTO outcome_keys (outcome_key) VALUES ('by hand')")
        run(
            f"INSERT INTO billing_events (id, outcome_key, recorded_at, {COLUMNS})"  # noqa: S608 - from above
            f" SELECT 'by hand', 'by hand', {NOW[dialect]}, {COLUMNS} FROM billing_events LIMIT 1"
        )
        yield
        run("COMMIT")


class Export:
    """An exporter that is killed and started again at any moment."""

    def __init__(self, service: Service, folder: Path) -> None:
        self._service = service
        self._folder = folder
        folder.mkdir()
        self._process = self._start()

    def _start(self) -> Server:
        arguments = [self._service.web.url, TOKEN, str(self._folder)]
        program = (sys.executable, "-m", "tests.support.exporter")
        given = {"PYTHONPATH": str(ROOT)}
        found = self._service.spawn("export", arguments, given, program=program)
        self._service.processes.remove(found)  # it need not end well
        return found

    def kill_and_restart(self) -> None:
        self._process.kill()
        self._process = self._start()

    @property
    def items(self) -> list[dict[str, Any]]:
        return [item for page in pages(self._folder) for item in page["items"]]

    @property
    def times(self) -> list[datetime]:
        return [datetime.fromisoformat(item["recorded_at"]) for item in self.items]

    def end(self) -> None:
        (self._folder / "stop").touch()
        wait_until(lambda: not self._process.is_alive(), seconds=60, what="the export's end")


class Books:
    """Periods one after the other, each read as soon as it is said to be complete."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._from = datetime(2020, 1, 1, tzinfo=UTC)
        self.closed: list[tuple[datetime, datetime, Any]] = []

    def complete_until(self) -> datetime:
        return datetime.fromisoformat(self._service.api("revenue")["complete_until"])

    def read(self, since: datetime, until: datetime) -> Any:
        ends = {"recorded_since": since.isoformat(), "recorded_until": until.isoformat()}
        given = {"basis": "recorded", **ends}
        return self._service.api("revenue", by="agent", **given)["items"]

    def close_another(self) -> None:
        until = self.complete_until()
        if until > self._from:
            self.closed.append((self._from, until, self.read(self._from, until)))
            self._from = until


def send(service: Service, post: Post) -> None:
    """As a vendor does: again where it is refused for now."""
    wait_until(lambda: service.post(post).is_success, seconds=60, what="being taken")


def test_an_export_has_each_line_once_in_order_and_what_is_complete_stays(
    own_service: Service, customer: str, tmp_path: Path
) -> None:
    service = own_service
    service.start_web()
    service.start_worker()
    service.settle(crm([won(customer)]))
    export, books = Export(service, tmp_path / "export"), Books(service)
    for _ in range(LINES // EVENTS):
        send(service, crm([won(customer) for _ in range(EVENTS)]))
    service.start_worker()
    with held_open(service):
        for _ in range(3):
            time.sleep(random.uniform(0.02, 0.2))
            export.kill_and_restart()
            books.close_another()
        shown = [*export.times, books.complete_until()]
    for number in itertools.count():
        books.close_another()
        if number % 25 == 5:
            export.kill_and_restart()
        if len(books.closed) >= PERIODS and service.all_settled():
            break
    export.end()

    in_order = "SELECT id FROM billing_events ORDER BY recorded_at, id"
    lines = [line for (line,) in service.database.rows(in_order)]
    exported = export.items
    by_hand = [item["id"] for item in exported].index("by hand")
    assert max(shown) <= export.times[by_hand]
    assert len(lines) == LINES + 2
    assert [item["id"] for item in exported] == lines
    books.close_another()
    assert sum(item["charges"] for *_, items in books.closed for item in items) == len(lines)
    for since, until, items in books.closed:
        assert books.read(since, until) == items, (since, until)
