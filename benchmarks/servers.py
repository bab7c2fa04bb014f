"""The servers that are measured, each as a process of its own.

They are started by what the tests start theirs with: real Valkey, real PostgreSQL.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.databases import PostgresDatabase, SqliteFile
from tests.support.postgres import Postgres
from tests.support.processes import Process, free_port
from tests.support.service import Service

ROOT = Path(__file__).resolve().parent.parent
MAPPINGS = Path(__file__).with_name("mappings")
SECRET = "what the load is signed with"  # noqa: S105 -- of this benchmark, for itself


@contextlib.contextmanager
def echo(root: Path) -> Iterator[int]:
    """The bare 202 on uvicorn with the options that `receiver serve` gives it; its port."""
    port = free_port()
    options = ["--port", str(port), "--no-access-log", "--no-server-header", "--lifespan", "off"]
    process = Process(
        [sys.executable, "-m", "uvicorn", "benchmarks.echo:app", *options],
        log=root / "echo.log",
        environment=dict(os.environ),
        directory=ROOT,
    )

    def listens() -> bool:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        return False

    process.wait_until(listens, what="an open port")
    yield port
    process.stop()


@contextlib.contextmanager
def receiver(root: Path, postgres: Postgres | None) -> Iterator[Service]:
    """A web process on an empty database: SQLite, or PostgreSQL where a server is given."""
    root.mkdir()
    database = PostgresDatabase(postgres) if postgres else SqliteFile(root)
    service = Service(root, database, MAPPINGS)
    service.environment["BENCH_SECRET"] = SECRET
    service.environment["RECEIVER_LOG_LEVEL"] = "info"
    try:
        service.migrate()
        service.start_web()
        yield service
    finally:
        service.close()
