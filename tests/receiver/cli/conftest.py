import asyncio
import json
import os
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog

from jobs.mapping_watch import MappingWatch
from jobs.storage.database import open_database
from jobs.storage.migrations import migrate
from jobs.timezone import claim_timezone
from receiver.cli.app import app
from receiver.signatures import RULES
from tests.support.cli import CliRunner
from tests.support.rows import Rows
from tests.support.texts import FILES

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Ran:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Installation:
    """Settings, a mappings folder and a database; commands run in this process."""

    def __init__(self, root: Path, database_url: str) -> None:
        self.root = root
        self.mappings = root / "mappings"
        self.mappings.mkdir()
        for name, text in FILES.items():
            (self.mappings / name).write_bytes(text)
        self.url = database_url
        self._runner = CliRunner()

    def migrate(self) -> None:
        async def work() -> None:
            database = open_database(self.url)
            await migrate(database)
            await database.close()

        asyncio.run(work())

    def fill(self, work: Callable[[Rows], Coroutine[Any, Any, R]]) -> R:
        """Put rows into the database."""

        async def with_rows() -> R:
            database = open_database(self.url)
            try:
                return await work(Rows(database))
            finally:
                await database.close()

        return asyncio.run(with_rows())

    def run(self, *arguments: str, given: str = "") -> Ran:
        """A command without a terminal; an exception that escapes is an error."""
        result = self._runner.invoke(app, arguments, input=given, catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    def take_up(self, timezone: str = "UTC") -> None:
        """Let the mappings folder be in force, as a service that runs on it would."""

        async def work() -> None:
            database = open_database(self.url)
            try:
                await claim_timezone(database, timezone)
                watch = MappingWatch(database, self.mappings, timezone=timezone, schemes=RULES)
                await watch.start()
            finally:
                await database.close()

        asyncio.run(work())

    def edit(self, old: str, new: str) -> None:
        """Replace text in zendesk.yaml."""
        path = self.mappings / "zendesk.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))


@pytest.fixture(autouse=True)
def _as_in_a_new_process() -> None:
    """Logging as it is before a command begins, whatever was tested here before."""
    structlog.reset_defaults()


@pytest.fixture
def bare(tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Installation:
    """Settings and mappings, and no database yet."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RECEIVER_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "RECEIVER_DATABASE_URL": database_url,
        "RECEIVER_DATA_DIR": str(tmp_path / "var"),
        "RECEIVER_MAPPINGS": str(tmp_path / "mappings"),
        "ZENDESK_SECRET": "a secret of the tests",
    }.items():
        monkeypatch.setenv(name, value)
    return Installation(tmp_path, database_url)


@pytest.fixture
def installed(bare: Installation) -> Installation:
    """The same with a migrated database, empty."""
    bare.migrate()
    return bare


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """SQLite alone: what differs between databases is tested below the command line."""
    return sqlite_url
