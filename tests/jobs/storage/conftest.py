"""A database before its tables are made."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from jobs.storage.database import Database, open_database


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database without tables."""
    database = open_database(database_url)
    yield database
    await database.close()
