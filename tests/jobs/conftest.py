from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, text
from structlog.testing import capture_logs

from jobs.intake import group_commit
from jobs.storage.database import open_database
from jobs.storage.migrations import migrate
from jobs.storage.schema import metadata
from tests.jobs.workshop import Workshop
from tests.support.postgres import Postgres


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What was logged in this test, as dictionaries; nothing is printed."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture(autouse=True)
def patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that is busy with other tests refuses no delivery, but where that is the test."""
    if "outages" not in request.module.__name__:
        monkeypatch.setattr(group_commit, "COMMIT_SECONDS", 15.0)


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database with its tables, to be copied."""
    path = tmp_path_factory.mktemp("template") / "receiver.db"
    asyncio.run(make_tables(f"sqlite+aiosqlite:///{path}"))
    return path


@pytest.fixture(scope="session")
def postgres_with_tables(postgres: Postgres) -> str:
    """The name of a PostgreSQL database with its tables; it is emptied for each test."""
    name = postgres.create()
    asyncio.run(make_tables(postgres.url(name)))
    return name


async def make_tables(url: str) -> None:
    database = open_database(url)
    await migrate(database)
    await database.close()


@pytest.fixture
async def on_sqlite(sqlite_template: Path, tmp_path: Path) -> AsyncIterator[Workshop]:
    path = tmp_path / "receiver.db"
    shutil.copy(sqlite_template, path)
    async with Workshop(f"sqlite+aiosqlite:///{path}") as workshop:
        yield workshop


@pytest.fixture
async def on_postgres(postgres: Postgres, postgres_with_tables: str) -> AsyncIterator[Workshop]:
    async with Workshop(postgres.url(postgres_with_tables)) as workshop:
        await empty(workshop)
        yield workshop


async def empty(workshop: Workshop) -> None:
    """Delete all rows, and close what an earlier test left connected; the triggers are off."""
    async with workshop.database.write() as connection:
        await connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        for table in metadata.sorted_tables:
            await connection.execute(delete(table))


@pytest.fixture(params=["on_sqlite", "on_postgres"], ids=["sqlite", "postgres"])
def workshop(request: pytest.FixtureRequest) -> Workshop:
    """A database with its tables and an inbox: once on SQLite and once on PostgreSQL."""
    workshop: Workshop = request.getfixturevalue(request.param)
    return workshop
