"""A database that could lose a commit is refused at the start."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Connection, event, make_url

from jobs.common.errors import DatabaseUnsuitable
from jobs.storage.database import Database, assert_durable, open_database
from jobs.storage.migrations import migrate
from tests.support.postgres import Postgres
from tests.support.processes import wait_until


async def test_our_own_connections_are_durable(database: Database) -> None:
    await migrate(database)
    await assert_durable(database)


@pytest.mark.parametrize(
    ("pragma", "named"),
    [
        ("synchronous=NORMAL", "synchronous is 1; set it to 2"),
        ("synchronous=OFF", "synchronous is 0; set it to 2"),
        ("journal_mode=DELETE", "journal_mode is delete; set it to wal"),
        ("foreign_keys=OFF", "foreign_keys is 0; set it to 1"),
    ],
)
async def test_a_sqlite_that_could_lose_a_commit_is_refused(
    sqlite_url: str, pragma: str, named: str
) -> None:
    database = open_database(sqlite_url)

    @event.listens_for(database.engine.sync_engine, "connect")
    def weaken(connection: object, _record: object) -> None:
        connection.cursor().execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined] # the driver's

    with pytest.raises(DatabaseUnsuitable, match=named):
        await assert_durable(database)
    await database.close()


async def test_a_postgres_that_answers_before_it_wrote_is_refused(postgres_url: str) -> None:
    database = open_database(postgres_url)

    @event.listens_for(database.engine.sync_engine, "begin")
    def weaken(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL synchronous_commit = off")

    with pytest.raises(DatabaseUnsuitable, match="synchronous_commit is off; set it to on"):
        await assert_durable(database)
    await database.close()


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
async def test_a_postgres_that_could_lose_a_commit_is_refused(
    postgres: Postgres, postgres_url: str, setting: str
) -> None:
    name = make_url(postgres_url).database or ""
    try:
        change_for_the_server(postgres, name, f"ALTER SYSTEM SET {setting} = off")
        wait_until(lambda: postgres.sql(name, f"SHOW {setting}") == "off")
        database = open_database(postgres_url)
        with pytest.raises(DatabaseUnsuitable, match=f"{setting} is off; set it to on"):
            await assert_durable(database)
        await database.close()
    finally:
        change_for_the_server(postgres, name, f"ALTER SYSTEM RESET {setting}")
        wait_until(lambda: postgres.sql(name, f"SHOW {setting}") == "on")


def change_for_the_server(postgres: Postgres, name: str, statement: str) -> None:
    postgres.sql(name, statement)
    postgres.sql(name, "SELECT pg_reload_conf()")


async def test_a_role_that_is_told_to_be_careless_is_overruled(
    postgres: Postgres, postgres_url: str
) -> None:
    """`synchronous_commit` set off for a database is no reason to refuse: we ask for it."""
    name = make_url(postgres_url).database or ""
    postgres.sql(name, f"ALTER DATABASE {name} SET synchronous_commit = off")
    database = open_database(postgres_url)
    await assert_durable(database)
    await database.close()


async def test_the_folder_of_a_sqlite_file_is_made(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "receiver.db"
    database = open_database(f"sqlite+aiosqlite:///{path}")
    await migrate(database)
    assert path.is_file()
    await database.close()
