from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.jobs.workshop import Workshop


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What was logged in this test, as dictionaries; nothing is printed."""
    with capture_logs() as captured:
        yield captured


@pytest.fixture
async def workshop(database_url: str) -> AsyncIterator[Workshop]:
    """A database with its tables and an inbox: once on SQLite and once on PostgreSQL."""
    async with Workshop(database_url) as workshop:
        yield workshop
