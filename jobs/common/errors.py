"""What can go wrong in durable work, and what each failure means for trying again.

Owns the one list of what is worth retrying (`is_transient`). The docstring of an error is a
message an operator can use.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator, Mapping

import redis.exceptions
from sqlalchemy.exc import DBAPIError, InterfaceError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeout


class JobsError(Exception):
    """Base of all errors of durable work."""


class InboxUnavailable(JobsError):
    """The database did not commit the delivery in time; the sender should try again."""


class DatabaseUnsuitable(JobsError):
    """The database would acknowledge what it may lose; change the setting the message names."""


class PurgeUnderWay(JobsError, TimeoutError):
    """A purge changes the ledger; settling goes on by itself once it is through."""


class FilterInvalid(JobsError):
    """The filter names something that does not exist; the message lists what does."""


#: SQLSTATE classes, and single codes, that pass by themselves.
TRANSIENT_SQLSTATES = ("08", "40", "53", "57", "55P03", "25P03", "25006")
#: SQLSTATE of a statement that waited too long for a lock of somebody else's.
LOCK_NOT_AVAILABLE = "55P03"
#: SQLite primary result codes that pass by themselves: BUSY, LOCKED, FULL, IOERR, CANTOPEN.
TRANSIENT_SQLITE_CODES = frozenset({5, 6, 10, 13, 14})


def is_transient(error: BaseException) -> bool:
    """Whether the failure lies in a neighbour and passes: connection, time-out, lock, disk."""
    return any(_is_transient_itself(one) for one in _chain(error))


def is_held_up(error: BaseException) -> bool:
    """Whether somebody else's lock on rows of this very transaction was in the way."""
    return any(_sqlstate(one) == LOCK_NOT_AVAILABLE for one in _chain(error))


def brief(error: BaseException) -> str:
    """What it says, for a line of the log; its name where it says nothing, as time-outs do."""
    return (str(error) or type(error).__name__)[:300]


def in_words(error: BaseException) -> str:
    """What ails the database, as an operator may be told on a page that asks for no token.

    From a fixed list: no address, no statement and nothing that was stored.
    """
    for one in _chain(error):
        if isinstance(one, sqlite3.Error):
            code = getattr(one, "sqlite_errorcode", None)
            said = _SQLITE_WORDS.get(code & 0xFF if code is not None else None)
        elif isinstance(one, OSError) and one.errno == errno.ENOSPC:
            said = "the disk is full"
        else:
            state = _sqlstate(one)
            said = _SQLSTATE_WORDS.get(state) or _SQLSTATE_WORDS.get(state[:2])
        said = said or next((words for kind, words in _KIND_WORDS if isinstance(one, kind)), None)
        if said is not None:
            return said
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
    "53300": "the database has no connection left to give",
    "53": "the database is out of resources",
    "55P03": "somebody else's transaction holds a lock on the tables",
    "57": "the database stops or starts",
    "08": "the connection to the database is lost",
    "25006": "the database can only be read",
}
_KIND_WORDS: tuple[tuple[type[BaseException], str], ...] = (
    (PoolTimeout, "all connections to the database are in use"),
    (TimeoutError, "the database does not answer in time"),
    (ConnectionRefusedError, "the database refuses connections"),
    (FileNotFoundError, "the database is not there"),
    (ConnectionError, "the connection to the database is lost"),
    (PendingRollbackError, "the connection to the database is lost"),
    (InterfaceError, "the connection to the database is lost"),
    (InboxUnavailable, "deliveries cannot be committed"),
)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and its causes, since drivers and SQLAlchemy wrap what happened."""
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
    # The one about a rollback is said of a transaction that lost its connection before.
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
