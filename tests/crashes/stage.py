"""The stage of one crash test: real processes, one of which is going to die, and what must hold."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.crashes import books
from tests.crashes.doomed import Plan
from tests.crashes.points import ROOT
from tests.crashes.scenario import Scenario
from tests.support.databases import Outside
from tests.support.processes import wait_until
from tests.support.senders import Vendor
from tests.support.service import NOTHING, Ran, Server, Service
from tests.support.vendors import Post, crm, helpdesk, solved, won

COMMANDS = {"web": "serve", "worker": "work"}
#: What the doomed process waits for is over soon; the process after it has the shipped values.
HASTE = {"jobs.settling.retry:LEASE_SECONDS": 0.3}
TABLES = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
    "postgresql": "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
}
BOOKS_SECRET = "a key of the books"
TICKET_MICROS = 990_000
DEAL_MICROS = 400_000_000


@dataclass
class Installation:
    """One database with its processes, on which points are tried one after the other.

    `posted` counts the different deliveries that were ever sent to it.
    """

    service: Service
    new_database: Callable[[Path], Outside]
    posted: int = 0

    def running(self, role: str) -> list[Server]:
        return [
            process
            for process in self.service.processes
            if COMMANDS[role] in process.command and process.is_alive()
        ]

    def start(self, role: str) -> None:
        if role == "web":
            self.service.start_web()
        else:
            self.service.start_worker()

    def kill(self, role: str) -> None:
        for process in self.running(role):
            process.kill()


@dataclass
class Stage:
    """What a scenario works with. `customer` is used by no other test."""

    installation: Installation
    scenario: Scenario
    moment: str
    customer: str = field(default_factory=lambda: f"customer-{uuid.uuid4().hex[:12]}")
    #: The ids of what was acknowledged, and the state that each must end in.
    acknowledged: dict[str, str] = field(default_factory=dict)
    #: What the customer owes in the end, by currency.
    owed: Counter[str] = field(default_factory=Counter)
    #: How often a key of the customer may have been charged: again only if a person said so.
    charges_of_a_key: int = 1
    has_died: bool = False
    has_risen: bool = False

    def __post_init__(self) -> None:
        self._directory = self.service.root / self.customer
        self._directory.mkdir()
        self._marker = self._directory / "marker"
        for role in COMMANDS:
            if not self.installation.running(role):
                self.installation.start(role)

    @property
    def service(self) -> Service:
        return self.installation.service

    @property
    def is_before(self) -> bool:
        return self.moment == "before"

    @property
    def plan(self) -> Plan:
        return Plan(
            kind=self.scenario.kind,
            place=self.scenario.place,
            moment=self.moment,
            marker=str(self._marker),
            passing=self.scenario.passing,
            tuned={**HASTE, **self.scenario.tuned},
            faults=self.scenario.faults,
        )

    # Processes

    def doomed(self) -> Server:
        """Put a web process or worker that will die in the place of the one that runs.

        Returns once it is ready, or dead.
        """
        role = self.scenario.kills
        self.installation.kill(role)
        more = ["--port", "0"] if role == "web" else []
        process = Server(
            self._command(COMMANDS[role], *more),
            log=self._directory / "doomed.log",
            environment=self._environment(),
            directory=self.service.root,
        )
        self.service.processes.append(process)
        ready = f"{role}.ready"
        wait_until(
            lambda: process.logged(ready) or not process.is_alive(), seconds=20, what="a start"
        )
        if process.logged(ready):
            process.url = process.logged(ready)[0].get("url", "")
        return process

    def doomed_command(self, *arguments: str, environment: Mapping[str, str] = NOTHING) -> None:
        """Run a command that dies."""
        done = subprocess.run(
            self._command(*arguments),
            check=False,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            env={**self._environment(), **environment},
            cwd=self.service.root,
            timeout=60,
        )
        self._must_have_died(done.returncode, (done.stdout + done.stderr).decode())

    def dies(self, *, seconds: float = 20) -> None:
        """Wait for the doomed process to die, exactly where it should."""
        process = self.service.processes[-1]
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds=seconds)
        self._must_have_died(process.popen.returncode, process.output())

    def restart(self) -> None:
        """Start again what died, as it is shipped."""
        self.installation.start(self.scenario.kills)
        self.has_risen = True

    def run(self, *arguments: str, environment: Mapping[str, str] = NOTHING) -> Ran:
        """A command that ends well; after the crash it counts as starting it again."""
        ran = self.service.run(*arguments, environment=environment)
        assert ran.code == 0, (arguments, ran)
        self.has_risen = self.has_risen or (self.scenario.kills == "command" and self.has_died)
        return ran

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "tests.crashes.doomed", *arguments]

    def _environment(self) -> dict[str, str]:
        return {
            **self.service.environment,
            **self.plan.as_environment(),
            "PYTHONPATH": str(ROOT),
        }

    def _must_have_died(self, code: int | None, output: str) -> None:
        died_at = self._marker.read_text() if self._marker.exists() else "never got there\n"
        assert (code, died_at) == (-signal.SIGKILL, self.plan.point + "\n"), output
        self.has_died = True

    # Vendors

    @contextlib.contextmanager
    def sending(
        self,
        *posts: Post,
        bills: Mapping[str, int] = NOTHING,  # type: ignore[assignment]
        ends: str = "recorded",
    ) -> Iterator[None]:
        """Inside, vendors send these, each until it is acknowledged; afterwards all are.

        Each must end in state `ends`; `bills` is what they make the customer owe.
        """
        vendor = Vendor(lambda: self.service.web.url)
        with vendor.sending(posts):
            yield
        ids = list(vendor.acknowledged.values())
        assert len(set(ids)) == len(posts), "two deliveries were answered as one"
        self.acknowledged |= dict.fromkeys(ids, ends)
        self.installation.posted += len(posts)
        self.owed.update(bills)

    def send(
        self,
        *posts: Post,
        bills: Mapping[str, int] = NOTHING,  # type: ignore[assignment]
        ends: str = "recorded",
    ) -> list[str]:
        """Send these one after the other; their ids once all are acknowledged."""
        ids: list[str] = []
        for post in posts:
            known = set(self.acknowledged)
            with self.sending(post, bills=bills, ends=ends):
                pass
            ids += set(self.acknowledged) - known
        return ids

    @contextlib.contextmanager
    def fake(self) -> Iterator[None]:
        """Inside, vendors post a series at once: outcomes reported twice, one taken back, a batch.

        At its end the customer owes for one ticket and two deals.
        """
        ticket, reopened = solved(self.customer), solved(self.customer)
        deals = [won(self.customer), won(self.customer)]
        with self.sending(
            helpdesk(ticket),
            helpdesk(ticket),
            helpdesk(reopened),
            helpdesk({"type": "ticket.reopened", "ticket": reopened["ticket"]}),
            crm(deals),
            crm(deals[:1]),
            bills={"USD": TICKET_MICROS, "EUR": 2 * DEAL_MICROS},
        ):
            yield

    def tell(self) -> None:
        """The story, from its beginning to the last acknowledgement."""
        with self.fake():
            pass

    def tickets(self, number: int) -> list[Post]:
        """Posts that bill a ticket each."""
        return [helpdesk(solved(self.customer)) for _ in range(number)]

    def settle_failing(self, number: int) -> list[str]:
        """Deliveries that have failed and would bill a ticket each once replayed; their ids."""
        used = uuid.uuid4().hex
        self.send(helpdesk(solved(self.customer), message_id=used), bills={"USD": TICKET_MICROS})
        posts = [helpdesk(solved(self.customer), message_id=used) for _ in range(number)]
        ids = self.send(*posts, ends="failed")
        self.settle()
        return ids

    @contextlib.contextmanager
    def new_database(self) -> Iterator[Outside]:
        """Another database of the same kind, in which there is nothing yet."""
        database = self.installation.new_database(self._directory)
        try:
            yield database
        finally:
            database.close()

    # What must hold

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        return self.service.database.rows(statement)

    def tables_of(self, database: Outside) -> set[str]:
        """The names of the tables that a database has."""
        return {row[0] for row in database.rows(TABLES[database.url.partition("+")[0]])}

    def state_of(self, ids: Sequence[str]) -> set[str]:
        """The states that these deliveries are in."""
        states = self._states()
        return {states[one] for one in ids}

    def settle(self) -> None:
        """Wait until nothing waits to be settled or replayed."""
        wait_until(
            lambda: not books.unfinished(self.service.database), seconds=30, what="settling all"
        )

    def finish(self) -> None:
        """What holds after every crash."""
        assert self.has_died, "no process was killed"
        assert self.has_risen, "what was killed was not started again"
        self.settle()
        states = self._states()
        assert {one: states.get(one, "lost") for one in self.acknowledged} == self.acknowledged
        assert len(states) == self.installation.posted, "what was sent once is there twice"
        self._must_owe()
        books.check(self.service.database)

    def _states(self) -> dict[str, str]:
        return {row[0]: row[1] for row in self.rows("SELECT id, state FROM deliveries")}

    def _must_owe(self) -> None:
        of_customer = f"FROM billing_events WHERE customer_id = '{self.customer}'"
        sums = self.rows(f"SELECT currency, sum(amount_micros) {of_customer} GROUP BY currency")
        assert {currency: int(micros) for currency, micros in sums} == dict(self.owed)
        charged_too_often = (
            f"SELECT outcome_key {of_customer} AND kind = 'charge'"
            f" GROUP BY outcome_key HAVING count(*) > {self.charges_of_a_key}"
        )
        assert self.rows(charged_too_often) == []
