"""Databases with empty tables, for tests that put rows in themselves: see `tests.support.rows`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import delete

from jobs.storage.database import Database, open_database
from jobs.storage.schema import metadata
from tests.support.postgres import Postgres
from tests.support.rows import Rows


async def _make_tables(url: str) -> None:
    database = open_database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    await database.close()


@pytest.fixture(scope="session")
def postgres_tables_url(postgres: Postgres) -> str:
    """A PostgreSQL database with tables, shared and emptied for each test: making one is slow."""
    url = postgres.url(postgres.create())
    asyncio.run(_make_tables(url))
    return url


@pytest.fixture
async def sqlite_tables(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite+aiosqlite:///{tmp_path / 'rows.db'}"
    await _make_tables(url)
    database = open_database(url)
    yield database
    await database.close()


@pytest.fixture
async def postgres_tables(postgres_tables_url: str) -> AsyncIterator[Database]:
    database = open_database(postgres_tables_url)
    async with database.write() as connection:
        for table in reversed(metadata.sorted_tables):
            await connection.execute(delete(table))
    yield database
    await database.close()


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> Database:
    """Empty tables: the test runs once on SQLite and once on PostgreSQL."""
    found: Database = request.getfixturevalue(f"{request.param}_tables")
    return found


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
