"""The processes of a run and the supervisor that starts them again, as in production.

Owns who is alive, who was killed on purpose, and what is odd: a process that ends though no one
killed it, one whose clock is not as set, one that logs a fault of its own.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from tests.chaos.judge import Findings
from tests.support.databases import Outside, PostgresDatabase, SqliteFile
from tests.support.postgres import Postgres
from tests.support.service import RECEIVER, Server, Service

MAPPINGS = Path(__file__).with_name("mappings")
#: Few, so that they can be used up; four processes hold up to 40.
MAX_CONNECTIONS = 60
LOOK_SECONDS = 0.1
#: A start that was refused, as it is without a database, is tried again after so long.
AGAIN_SECONDS = 0.5
READY_SECONDS = 120.0
STOP_SECONDS = 45.0
#: A database counts as disturbed so long after a fault: recovery, and time-outs of its users.
ECHO_SECONDS = 35.0
#: Between a line of a log and our reading it, on a busy machine.
CLOCK_SLACK_SECONDS = 15.0
#: Errors that are meant, or say nothing: the monkey broke a file; five workers were killed under a
#: delivery, which the judge counts; redis-py mourns a pipeline whose server froze.
EXPECTED = ("mappings.rejected", "settle.failed_permanently", "Unclosed Pipeline client")
ROLES = {"web": ("serve", "--port", "0"), "worker": ("work",)}


class Site:
    """One installation under disturbance."""

    def __init__(
        self, root: Path, database: str, *, processes: int, findings: Findings, changed_on: str
    ) -> None:
        self.findings = findings
        self.postgres = Postgres(max_connections=MAX_CONNECTIONS) if database != "sqlite" else None
        outside: Outside = (
            PostgresDatabase(self.postgres) if self.postgres is not None else SqliteFile(root)
        )
        self.service = Service(root, outside, MAPPINGS)
        self.service.edit("agents.yaml", "from: 2026-01-01", f"from: {changed_on}")
        self.service.migrate()
        self.members = [Member(self, role, number) for role in ROLES for number in range(processes)]
        self.counts: Counter[str] = Counter()
        self._troubles = 0
        self._trouble_ended = 0.0

    def of(self, role: str) -> list[Member]:
        return [member for member in self.members if member.role == role]

    def urls(self) -> list[str]:
        """Where web processes listen, as a balancer knows it; where they did, if all are dead."""
        ready = [member.url for member in self.of("web") if member.is_ready]
        return ready or [member.url for member in self.of("web") if member.url]

    @contextmanager
    def trouble(self) -> Iterator[None]:
        """Inside, the database is not as it should be."""
        self._troubles += 1
        try:
            yield
        finally:
            self._troubles -= 1
            self._trouble_ended = time.monotonic()

    def was_troubled(self, since: float) -> bool:
        """Whether the database was disturbed at some time since then."""
        return self._troubles > 0 or self._trouble_ended + ECHO_SECONDS > since

    async def supervise(self) -> None:
        """Start each process that is missing, until cancelled."""
        while True:
            for member in self.members:
                member.look()
            await asyncio.sleep(LOOK_SECONDS)

    async def all_ready(self) -> None:
        """Return when every process does its work; TimeoutError if that takes too long."""
        async with asyncio.timeout(READY_SECONDS):
            while not all(member.is_ready for member in self.members):
                await asyncio.sleep(LOOK_SECONDS)

    async def stop(self) -> None:
        """Stop every process in good order; what does not end well is a finding."""
        await asyncio.gather(*(member.restart() for member in self.members))
        for member in self.members:
            member.look()

    def close(self) -> None:
        """Kill what is left and take everything away but the directory."""
        for process in self.service.processes:
            process.kill()
        self.service.close()
        if self.postgres is not None:
            self.postgres.close()


class Member:
    """A web process or a worker that is to run for ever."""

    def __init__(self, site: Site, role: str, number: int) -> None:
        self._site = site
        self.role = role
        self.name = f"{role}-{number + 1}"
        self.url = ""
        self.is_ready = False
        self._server: Server | None = None
        self._doomed = False
        self._stopped = False
        self._skew_seconds = 0
        self._next_skew_seconds = 0
        self._start_at = 0.0
        self._started_at = 0.0

    def look(self) -> None:
        """What a supervisor does at each round."""
        now = time.monotonic()
        if self._server is None:
            if now >= self._start_at:
                self._start()
        elif not self._server.is_alive():
            self._has_ended(self._server)
        elif not self.is_ready and not self._stopped:
            self._look_whether_ready(self._server)

    def _start(self) -> None:
        self._skew_seconds, self._next_skew_seconds = self._next_skew_seconds, 0
        program: tuple[str, ...] = RECEIVER
        if self._skew_seconds:
            program = (sys.executable, "-m", "tests.chaos.skewed", str(self._skew_seconds))
        self._doomed = self.is_ready = False
        self._started_at = time.monotonic()
        self._server = self._site.service.spawn(self.name, [*ROLES[self.role]], program=program)
        self._site.counts["starts"] += 1

    def _look_whether_ready(self, server: Server) -> None:
        if lines := server.logged(f"{self.role}.ready"):
            self.is_ready = True
            self.url = lines[-1].get("url", "")
            self._check_clock(lines[-1]["timestamp"])
        elif time.monotonic() - self._started_at > READY_SECONDS:
            self._site.findings.add("process", f"{self.name} does not become ready: {server.log}")
            self.kill(0)

    def _check_clock(self, said: str) -> None:
        """Whether the process believes in the clock it was given; else the fault is none.

        It may have been stopped since it said so: what it said was right then.
        """
        right = datetime.now(UTC).timestamp() + self._skew_seconds
        late = right - datetime.fromisoformat(said).timestamp()
        since_start = time.monotonic() - self._started_at
        if not -CLOCK_SLACK_SECONDS < late < since_start + CLOCK_SLACK_SECONDS:
            what = f"{self.name} should be {self._skew_seconds} s off and states that it is {said}"
            self._site.findings.add("process", what)

    def _has_ended(self, server: Server) -> None:
        refused = not self.is_ready and self._site.was_troubled(self._started_at)
        if not self._doomed and not refused:
            what = f"{self.name} ended by itself with {server.popen.returncode}: {tail(server.log)}"
            self._site.findings.add("process", what)
        elif not self._doomed:
            self._site.counts["starts refused without a database"] += 1
            self._next_skew_seconds = self._skew_seconds
        for line in faults_logged(server.log):
            self._site.findings.add("log", f"{server.log.name}: {line}")
        if not self._doomed:
            self._start_at = time.monotonic() + AGAIN_SECONDS
        self._server = None
        self.is_ready = False

    def _strikeable(self) -> Server | None:
        """The process, unless it is dead or was given its end already and is about to be."""
        server = self._server
        return None if server is None or self._doomed or not server.is_alive() else server

    def kill(self, down_seconds: float) -> bool:
        """SIGKILL, and stay dead for so long; whether there was anybody to kill."""
        server = self._strikeable()
        if server is None:
            return False
        self._doomed = True
        self._start_at = time.monotonic() + down_seconds
        server.popen.kill()
        return True

    async def pause(self, seconds: float) -> bool:
        """SIGSTOP, and SIGCONT after so long."""
        server = self._strikeable()
        if server is None:
            return False
        self._stopped = True
        server.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            server.signal(signal.SIGCONT)
            self._stopped = False
        return True

    async def restart(self, *, skew_seconds: int = 0) -> bool:
        """SIGTERM; started again, its clock wrong by so much. It must end by itself, and well."""
        server, was_ready = self._strikeable(), self.is_ready
        if server is None:
            return False
        self._doomed, self._next_skew_seconds = True, skew_seconds
        self._start_at = 0.0
        began = time.monotonic()
        server.popen.terminate()
        while server.is_alive():
            if time.monotonic() - began > STOP_SECONDS:
                if not self._site.was_troubled(began):
                    self._site.findings.add("process", f"{self.name} does not stop: {server.log}")
                server.kill()
                return True
            await asyncio.sleep(0.05)
        if was_ready and server.popen.returncode != 0:
            what = f"{self.name} ended by {server.popen.returncode} when it was asked to stop"
            self._site.findings.add("process", f"{what}: {tail(server.log)}")
        return True


def tail(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-lines:])


def faults_logged(log: Path) -> list[str]:
    """What a process itself calls an error; faults of neighbours are warnings."""
    lines = log.read_text("utf-8", errors="replace").splitlines()
    return [line[:2_000] for line in lines if _is_fault(line)]


def _is_fault(line: str) -> bool:
    if not line.startswith("{"):
        return line.startswith("Traceback")
    try:
        said = json.loads(line)
    except json.JSONDecodeError:  # killed while it wrote
        return False
    return said["level"] in ("error", "critical") and not said["event"].startswith(EXPECTED)
