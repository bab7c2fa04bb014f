"""What never reaches a log, however much is asked for."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from jobs.storage.database import open_database
from receiver.config.logging import configure_logs

PAYLOAD = "a customer's payload"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged at the most talkative level."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logs("json", "debug", stream=stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def test_values_of_statements_are_not_logged(database_url: str, log: io.StringIO) -> None:
    database = open_database(database_url)
    async with database.read() as connection:
        await connection.execute(text("SELECT CAST(:value AS TEXT)"), {"value": PAYLOAD})
    await database.close()
    assert PAYLOAD not in log.getvalue()


async def test_values_of_statements_are_not_in_what_a_database_refuses(
    database_url: str, log: io.StringIO
) -> None:
    database = open_database(database_url)
    try:
        async with database.read() as connection:
            await connection.execute(text("SELECT * FROM nowhere WHERE a = :a"), {"a": PAYLOAD})
    except DBAPIError:
        structlog.get_logger("ours").exception("fault")
    await database.close()
    assert "nowhere" in log.getvalue()
    assert PAYLOAD not in log.getvalue()
