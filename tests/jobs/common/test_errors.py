from __future__ import annotations

import errno
import sqlite3

import asyncpg
import pytest
import redis.exceptions
from sqlalchemy.exc import DBAPIError, IntegrityError, TimeoutError as PoolTimeout

from jobs.common.errors import brief, in_words, is_held_up, is_transient
from tests.jobs.workshop import Workshop


def from_postgres(sqlstate: str) -> Exception:
    """An error as it comes out of SQLAlchemy: the driver's own is the cause of the cause."""
    adapted = Exception("adapted")
    adapted.__cause__ = asyncpg.PostgresError.new({"C": sqlstate, "M": "message"})
    return DBAPIError("SELECT 1", {}, adapted)


def from_sqlite(code: int) -> Exception:
    error = sqlite3.OperationalError("message")
    error.sqlite_errorcode = code
    return DBAPIError("SELECT 1", {}, error)


TRANSIENT = {
    "the server is gone": from_postgres("08006"),
    "a serialization failure": from_postgres("40001"),
    "a deadlock": from_postgres("40P01"),
    "too many connections": from_postgres("53300"),
    "the disk is full": from_postgres("53100"),
    "an administrator shut it down": from_postgres("57P01"),
    "it is starting up": from_postgres("57P03"),
    "a lock was not to be had": from_postgres("55P03"),
    "SQLITE_BUSY": from_sqlite(sqlite3.SQLITE_BUSY),
    "SQLITE_BUSY_SNAPSHOT": from_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT),
    "SQLITE_FULL": from_sqlite(sqlite3.SQLITE_FULL),
    "SQLITE_IOERR_FSYNC": from_sqlite(sqlite3.SQLITE_IOERR_FSYNC),
    "no connection in the pool": PoolTimeout("pool"),
    "a time-out": TimeoutError(),
    "a refused connection": ConnectionRefusedError(),
    "no such socket": FileNotFoundError(),
    "Redis away": redis.exceptions.ConnectionError(),
    "Redis frozen": redis.exceptions.TimeoutError(),
}
LASTING = {
    "a broken constraint": from_postgres("23505"),
    "a value too long": from_postgres("22001"),
    "a missing table": from_postgres("42P01"),
    "a missing table of SQLite": from_sqlite(sqlite3.SQLITE_ERROR),
    "SQLITE_CONSTRAINT": from_sqlite(sqlite3.SQLITE_CONSTRAINT),
    "SQLITE_CORRUPT": from_sqlite(sqlite3.SQLITE_CORRUPT),
    "SQLITE_READONLY": from_sqlite(sqlite3.SQLITE_READONLY),
    "a bug": KeyError("k"),
    "a wrong value": ValueError("v"),
}


@pytest.mark.parametrize("error", TRANSIENT.values(), ids=TRANSIENT.keys())
def test_what_passes_by_itself_is_transient(error: Exception) -> None:
    assert is_transient(error)


@pytest.mark.parametrize("error", LASTING.values(), ids=LASTING.keys())
def test_what_no_waiting_mends_is_not(error: Exception) -> None:
    assert not is_transient(error)


def test_the_chain_of_causes_decides() -> None:
    error = RuntimeError("while settling")
    error.__cause__ = from_postgres("40001")
    assert is_transient(error)


async def test_a_value_the_driver_refuses_is_no_lost_connection(workshop: Workshop) -> None:
    with pytest.raises((DBAPIError, OverflowError)) as refused:
        await workshop.run(
            "INSERT INTO intake (committed_at, accepted) VALUES (CURRENT_TIMESTAMP, :n)", n=2**70
        )
    assert not is_transient(refused.value)


async def test_a_broken_constraint_is_no_lost_connection(workshop: Workshop) -> None:
    with pytest.raises(IntegrityError) as refused:
        await workshop.run("INSERT INTO outcome_keys (outcome_key) VALUES (NULL)")
    assert not is_transient(refused.value)


async def test_a_connection_cut_by_the_server_is_transient(on_postgres: Workshop) -> None:
    with pytest.raises(DBAPIError) as cut:
        await on_postgres.run("SELECT pg_terminate_backend(pg_backend_pid())")
    assert is_transient(cut.value)


WORDS: dict[str, list[Exception]] = {
    "the disk is full": [from_sqlite(sqlite3.SQLITE_FULL), OSError(errno.ENOSPC, "full")],
    "the disk cannot be written or read": [from_sqlite(sqlite3.SQLITE_IOERR_WRITE)],
    "another process holds the database": [from_sqlite(sqlite3.SQLITE_BUSY)],
    "the disk of the database is full": [from_postgres("53100")],
    "the database has no connection left": [from_postgres("53300")],
    "another transaction holds a lock on the tables": [from_postgres("55P03")],
    "the database is stopping or starting": [from_postgres("57P01"), from_postgres("57P03")],
    "the database can only be read": [from_postgres("25006"), from_sqlite(sqlite3.SQLITE_READONLY)],
    "all connections to the database are in use": [PoolTimeout("pool")],
    "the database does not answer in time": [TimeoutError()],
    "the database refuses connections": [ConnectionRefusedError("10.0.0.7:5432")],
    "the database is missing": [FileNotFoundError("/run/secret/socket")],
    "the connection to the database is lost": [ConnectionResetError(), from_postgres("08006")],
    "KeyError; the log has more": [KeyError("a secret")],
}


@pytest.mark.parametrize(
    ("error", "words"),
    [(error, words) for words, errors in WORDS.items() for error in errors],
    ids=repr,
)
def test_what_ails_the_database_is_said_in_words_that_give_nothing_away(
    error: Exception, words: str
) -> None:
    assert in_words(error) == words


def test_a_lock_of_another_transaction_is_recognised() -> None:
    assert is_held_up(from_postgres("55P03"))
    assert not is_held_up(from_postgres("40001"))
    assert not is_held_up(from_sqlite(sqlite3.SQLITE_BUSY))


def test_an_error_without_a_text_is_named_by_its_class() -> None:
    assert brief(TimeoutError()) == "TimeoutError"
    assert brief(ConnectionError("reset by peer")) == "reset by peer"
    assert len(brief(ValueError("x" * 1000))) == 300
