"""`migrate --wait` waits for a database that starts, and for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from jobs.storage.database import Database, open_database
from receiver.cli import migrate as migrating
from tests.receiver.cli.conftest import Installation
from tests.support.processes import free_port


class Starting:
    """A database that answers after so many refusals."""

    def __init__(self, database: Database, *refusals: Exception) -> None:
        self._database = database
        self._refusals = list(refusals)
        self.pauses = 0

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Any]:
        if self._refusals:
            raise self._refusals.pop(0)
        async with self._database.read() as connection:
            yield connection

    async def pause(self, _: float) -> None:
        self.pauses += 1


async def test_it_asks_again_until_the_database_answers(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    try:
        starting = Starting(database, ConnectionRefusedError("no"), TimeoutError("slow"))
        await migrating.until_it_answers(starting, pause=starting.pause)  # type: ignore[arg-type]
        assert starting.pauses == 2
    finally:
        await database.close()


async def test_what_does_not_pass_by_itself_is_not_waited_for(sqlite_url: str) -> None:
    database = open_database(sqlite_url)
    try:
        starting = Starting(database, ConnectionRefusedError("no"), ValueError("wrong"))
        with pytest.raises(ValueError, match="wrong"):
            await migrating.until_it_answers(starting, pause=starting.pause)  # type: ignore[arg-type]
    finally:
        await database.close()


def test_it_waits_no_longer_than_it_says(
    bare: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"postgresql+asyncpg://absent@127.0.0.1:{free_port()}/none"
    monkeypatch.setenv("RECEIVER_DATABASE_URL", url)
    monkeypatch.setattr(migrating, "WAIT_SECONDS", 0.2)
    ran = bare.run("migrate", "--wait")
    assert ran.code == 1
    assert "waiting for the database" in ran.err
    assert "the database does not answer" in ran.err


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_database_that_answers_is_migrated(
    bare: Installation,
    kind: str,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RECEIVER_DATABASE_URL", request.getfixturevalue(f"{kind}_url"))
    ran = bare.run("migrate", "--wait")
    assert (ran.code, ran.err) == (0, "")
    assert "has this version's tables" in ran.out
