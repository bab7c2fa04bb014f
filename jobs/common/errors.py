"""The errors of durable work, and which of them are worth a retry.

Owns the one list of what is worth retrying (`is_transient`). The docstring of an error is a
message an operator can use.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping

import redis.exceptions
from sqlalchemy.exc import (
    DBAPIError,
    InterfaceError,
    PendingRollbackError,
    TimeoutError as PoolTimeout,
)


class JobsError(Exception):
    """Base of all errors of durable work."""


class InboxUnavailable(JobsError):
    """The database did not commit the delivery in time; the sender should try again."""


class DatabaseUnsuitable(JobsError):
    """The database would acknowledge what it may lose; change the setting the message names."""


class PurgeUnderWay(JobsError, TimeoutError):
    """A purge is changing the ledger; settling resumes by itself when it ends."""


class FilterInvalid(JobsError):
    """The filter names something that does not exist; the message lists what does."""


#: SQLSTATE classes, and single codes, of transient failures.
TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03", "25P03", "25006")
#: SQLSTATE of a statement that waited too long for another transaction's lock.
LOCK_NOT_AVAILABLE = "55P03"
#: SQLite primary result codes of transient failures: BUSY, LOCKED, FULL, IOERR, CANTOPEN.
TRANSIENT_SQLITE_CODES = frozenset({5, 6, 10, 13, 14})


def is_transient(error: BaseException) -> bool:
    """Whether the failure is outside this process and passes: connection, time-out, lock, disk."""
    return any(_is_transient_itself(cause) for cause in _chain(error))


def is_held_up(error: BaseException) -> bool:
    """Whether the statement waited too long for another transaction's lock."""
    return any(_sqlstate(cause) == LOCK_NOT_AVAILABLE for cause in _chain(error))


def brief(error: BaseException) -> str:
    """The message for a log line; the error's type where it has none, as with time-outs."""
    return (str(error) or type(error).__name__)[:300]


def in_words(error: BaseException) -> str:
    """The fault of the database, in words fit for a page that asks for no token.

    From a fixed list: no address, no statement and no stored data.
    """
    for cause in _chain(error):
        if isinstance(cause, sqlite3.Error):
            code = getattr(cause, "sqlite_errorcode", None)
            words = _SQLITE_WORDS.get(code & 0xFF if code is not None else None)
        elif isinstance(cause, OSError) and cause.errno == errno.ENOSPC:
            words = "the disk is full"
        else:
            state = _sqlstate(cause)
            words = _SQLSTATE_WORDS.get(state) or _SQLSTATE_WORDS.get(state[:2])
        words = words or next((text for kind, text in _KIND_WORDS if isinstance(cause, kind)), None)
        if words is not None:
            return words
    return f"{type(error).__name__}; the log has more"


_SQLITE_WORDS: Mapping[int | None, str] = {
    5: "another process holds the database",
    6: "another process holds the database",
    8: "the database can only be read",
    10: "the disk cannot be written or read",
    13: "the disk is full",
    14: "the database file cannot be opened",
}
_SQLSTATE_WORDS: Mapping[str, str] = {
    "53100": "the disk of the database is full",
    "53200": "the database is out of memory",
    "53300": "the database has no connection left",
    "53": "the database is out of resources",
    "55P03": "another transaction holds a lock on the tables",
    "57": "the database is stopping or starting",
    "08": "the connection to the database is lost",
    "25006": "the database can only be read",
}
_KIND_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (PoolTimeout, "all connections to the database are in use"),
    (TimeoutError, "the database does not answer in time"),
    (ConnectionRefusedError, "the database refuses connections"),
    (FileNotFoundError, "the database is missing"),
    (ConnectionError, "the connection to the database is lost"),
    (PendingRollbackError, "the connection to the database is lost"),
    (InterfaceError, "the connection to the database is lost"),
    (InboxUnavailable, "deliveries cannot be committed"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes: drivers and SQLAlchemy wrap the original."""
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or (seen.orig if isinstance(seen, DBAPIError) else None)


def _sqlstate(error: BaseException) -> str:
    state = getattr(error, "sqlstate", None)
    return state if isinstance(state, str) else ""


def _is_transient_itself(error: BaseException) -> bool:
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    # PendingRollbackError: raised by a transaction that lost its connection before.
    if isinstance(
        error, (PoolTimeout, InterfaceError, PendingRollbackError, OSError, TimeoutError)
    ):
        return True
    if isinstance(error, (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError)):
        return True
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is not None and (code & 0xFF) in TRANSIENT_SQLITE_CODES
    return _sqlstate(error).startswith(TRANSIENT_SQLSTATES)
