from collections.abc import AsyncIterator

import pytest

from jobs.database import Database, open_database
from tests.support.rows import Rows


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Empty tables, on SQLite and on PostgreSQL."""
    database = open_database(database_url)
    await Rows(database).make_tables()
    yield database
    await database.close()


@pytest.fixture
def rows(database: Database) -> Rows:
    return Rows(database)
